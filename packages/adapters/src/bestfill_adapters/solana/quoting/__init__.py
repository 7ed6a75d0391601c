"""What the programs' pools pay, from account bytes, as pure integer functions: a module each."""
