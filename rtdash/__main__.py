"""`python -m rtdash` is the `rtdash` command."""

from rtdash.cli import main

main()
