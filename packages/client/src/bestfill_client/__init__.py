"""A client of a bestfill engine."""
