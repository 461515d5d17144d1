"""`python -m cara` is the `cara` command."""

from cara.cli import main

main()
