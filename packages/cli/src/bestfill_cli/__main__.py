"""`python -m bestfill_cli` is the same as `bestfill`."""

from bestfill_cli.main import main

main()
