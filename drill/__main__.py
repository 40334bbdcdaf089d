"""``python -m drill``."""

import sys

from drill.commands.cli import main

if __name__ == "__main__":
    sys.exit(main())
