"""Real venues on Solana: quotes from pool accounts, transactions, and the proof of whether they landed.

The extra `[solana]` brings what this needs; no module outside of this package imports it unless it is configured.
"""
