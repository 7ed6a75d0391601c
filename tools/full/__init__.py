"""`./dev full`: the deployed mode on this machine, with nothing left behind."""
