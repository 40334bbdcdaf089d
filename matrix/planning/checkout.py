"""The commit that the harness is of: of its checkout, or of what an image was made from."""

from __future__ import annotations

import os

from kserve_conformance.results import surroundings

# Set by deploy/harness/Dockerfile, whose image has no checkout.
VARIABLE = "HARNESS_COMMIT"


def commit() -> str | None:
    """Give the commit, with ``-dirty`` where any file was changed since; None where none is known.

    What git says of a checkout goes before what `VARIABLE` says.
    """
    return surroundings.commit(__file__) or os.environ.get(VARIABLE) or None
