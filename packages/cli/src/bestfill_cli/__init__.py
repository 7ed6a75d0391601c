"""The command `bestfill`."""
