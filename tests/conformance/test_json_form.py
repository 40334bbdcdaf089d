"""Dataclasses read from JSON: what doesn't fit is named."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from kserve_conformance.results.json_form import from_json
from kserve_conformance.results.record import Record
from kserve_conformance.results.verdict import Verdict

RECORD = Record(
    cell="cell",
    axes={"kserve": "0.9.0"},
    check="starts",
    verdict=Verdict.FAILED,
    expected_verdict=Verdict.PASSED,
    message="why",
    expected=1,
    observed=2,
    seconds=0.5,
)


def _changed(**members: Any) -> dict[str, Any]:
    document = {**asdict(RECORD), **members}
    return {name: each for name, each in document.items() if each is not ...}


def test_what_fits_is_what_it_was() -> None:
    assert from_json(Record, _changed()) == RECORD


def test_an_unknown_member_is_named() -> None:
    with pytest.raises(ValueError, match=r"^Record has no colour$"):
        from_json(Record, _changed(colour="red"))


def test_missing_members_are_named() -> None:
    with pytest.raises(ValueError, match=r"^Record lacks check, verdict$"):
        from_json(Record, _changed(verdict=..., check=...))
