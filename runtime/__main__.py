"""`python -m runtime`."""

import sys

from runtime.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
