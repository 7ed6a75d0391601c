"""The DEX programs that are understood: a module each."""
