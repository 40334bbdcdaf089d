"""Each statement as a test of pytest, for those who run the suite that way."""

from __future__ import annotations

import pytest


@pytest.mark.usefixtures("judged")
def test_statement() -> None:
    """Nothing is left to do: the fixture has judged."""
