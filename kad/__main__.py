"""`python -m kad`."""

from kad.cli.app import main

main()
