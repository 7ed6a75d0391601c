"""The simulator over Solana: the real adapter and a LiteSVM cluster, in the time and by the chance of a seed."""
