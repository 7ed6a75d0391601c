"""A Solana cluster on this machine: LiteSVM behind a JSON-RPC server, with faults that a seed has planned."""
