"""The commit that results tell: the checkout's, or that of what an image was made from."""

from __future__ import annotations

import pytest
from kserve_conformance.results import surroundings

from matrix.planning import checkout


@pytest.mark.parametrize(
    ("of_git", "told", "commit"),
    [
        ("abc-dirty", "def", "abc-dirty"),
        (None, "def", "def"),
        (None, "", None),
        (None, None, None),
    ],
)
def test_what_git_says_goes_first(
    monkeypatch: pytest.MonkeyPatch, of_git: str | None, told: str | None, commit: str | None
) -> None:
    monkeypatch.setattr(surroundings, "commit", lambda _: of_git)
    monkeypatch.delenv(checkout.VARIABLE, raising=False)
    if told is not None:
        monkeypatch.setenv(checkout.VARIABLE, told)
    assert checkout.commit() == commit
