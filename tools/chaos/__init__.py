"""`./dev chaos`: the deployed mode as real processes, under real faults that a seed has planned."""
