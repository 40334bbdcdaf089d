"""Runs ``python -m kserve_conformance``."""

import sys

from kserve_conformance.commands.cli import main

sys.exit(main())
