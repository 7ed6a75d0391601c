"""Two venues and a chain to trade on without money."""
