"""`python -m kad`."""

from kad.cli import main

main()
