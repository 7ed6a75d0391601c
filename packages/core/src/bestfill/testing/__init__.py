"""For tests of anything that plugs into bestfill: in-memory ports, and the checks that every adapter must pass."""
