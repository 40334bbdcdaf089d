"""Dataclasses read from JSON: what doesn't fit is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
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


@dataclass(frozen=True)
class Nested:
    """What holds others in each way that results do."""

    one: Record
    none: Verdict | None
    some: Verdict | None
    several: tuple[Verdict, ...]
    listed: Sequence[Record]


def test_what_others_hold_is_read_as_well() -> None:
    read = from_json(
        Nested,
        {
            "one": _changed(),
            "none": None,
            "some": "failed",
            "several": ["passed", "error"],
            "listed": [_changed()],
        },
    )
    several = (Verdict.PASSED, Verdict.ERROR)
    assert read == Nested(RECORD, None, Verdict.FAILED, several, [RECORD])
    assert read.some is Verdict.FAILED
    assert all(isinstance(each, Verdict) for each in read.several)


def test_an_unknown_member_is_named() -> None:
    with pytest.raises(ValueError, match=r"^Record has no colour$"):
        from_json(Record, _changed(colour="red"))


def test_missing_members_are_named() -> None:
    with pytest.raises(ValueError, match=r"^Record lacks check, verdict$"):
        from_json(Record, _changed(verdict=..., check=...))
