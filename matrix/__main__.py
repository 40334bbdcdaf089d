"""Entry point of ``python -m matrix``."""

from __future__ import annotations

import sys

from matrix.commands.cli import main

if __name__ == "__main__":
    sys.exit(main())
