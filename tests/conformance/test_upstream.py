"""conformance/upstream.toml: what other projects know of their departures is as the claims say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from kserve_conformance import catalogue, datafile
from kserve_conformance.catalogue import Level
from kserve_conformance.report_upstream import fingerprint

from matrix.environments import roster
from matrix.peers import claims

FILE = Path(__file__).resolve().parents[2] / "conformance" / "upstream.toml"
_FAILED = re.compile(r"\w+: ([A-Z0-9-]+)")


def _claims() -> Mapping[str, str]:
    """Give the claims of peers, by name and in the order of their releases."""
    return {
        name: claims.claim_file(peer).read_text(encoding="utf-8")
        for name, peer in roster.load().items()
    }


def _departures(claim: str) -> set[str]:
    found = map(_FAILED.fullmatch, claims.essence(claim))
    return {each[1] for each in found if each is not None}


def broken(entry: Mapping[str, Any], told: Mapping[str, str]) -> list[str]:
    """Say in what an entry isn't as the claims of peers are."""
    seen, statement = entry["seen"], entry["statement"]
    if seen not in told:
        return [f"there is no claim of {seen}, but of {', '.join(told)}"]
    if statement not in catalogue.load():
        return [f"there is no statement {statement}"]
    wrong = []
    heading = told[seen].partition("\n")[0].removeprefix("# ")
    right = fingerprint(heading, statement)
    if entry["fingerprint"] != right:
        wrong.append(f"its fingerprint is {right}")
    if statement not in _departures(told[seen]):
        wrong.append(f"{seen} doesn't depart from it: say in which release it is mended")
    server = seen.rpartition("-")[0]
    newest = [name for name in told if name.rpartition("-")[0] == server][-1]
    if entry["state"] == "mended":
        # A claim names what it departs from, and what it could not check.
        if statement in told.get(entry["mended"], statement):
            wrong.append(f"{entry['mended']} is not known to keep it")
    elif newest != seen:
        wrong.append(f"{newest} is newer than {seen}: say whether it departs, too")
    return wrong


def test_each_entry_holds() -> None:
    entries = datafile.read(FILE, FILE.with_suffix(".schema.json"))["departure"]
    told = _claims()
    wrong = {each["fingerprint"]: broken(each, told) for each in entries}
    assert {name: each for name, each in wrong.items() if each} == {}
    assert len(wrong) == len(entries), "a fingerprint is there twice"


def test_each_must_that_a_claim_tells_has_an_entry() -> None:
    entries = datafile.read(FILE, FILE.with_suffix(".schema.json"))["departure"]
    known = {each["fingerprint"] for each in entries}
    missing = [
        (name, statement)
        for name, claim in _claims().items()
        for statement in _departures(claim)
        if catalogue.load()[statement].level is Level.MUST
        and fingerprint(claim.partition("\n")[0].removeprefix("# "), statement) not in known
    ]
    assert missing == []


_ENTRY = {
    "fingerprint": fingerprint("MLServer", "V2-ERROR-001"),
    "statement": "V2-ERROR-001",
    "seen": "mlserver-1.7.1",
    "state": "unreported",
}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, None),
        ({"seen": "mlserver-9"}, "there is no claim of mlserver-9"),
        ({"statement": "V2-NONE-001"}, "there is no statement V2-NONE-001"),
        ({"fingerprint": "0" * 12}, f"its fingerprint is {_ENTRY['fingerprint']}"),
        ({"statement": "V2-META-001"}, "mlserver-1.7.1 doesn't depart from it"),
        ({"state": "mended", "mended": "mlserver-1.7.1"}, "mlserver-1.7.1 is not known to"),
        (
            {"seen": "kserve-sdk-0.10.0", "statement": "V2-INFER-004"},
            "kserve-sdk-0.21.0 is newer than kserve-sdk-0.10.0",
        ),
    ],
)
def test_an_entry_that_no_longer_holds_is_told(changed: dict[str, str], told: str | None) -> None:
    wrong = broken({**_ENTRY, **changed}, _claims())
    assert wrong == [] if told is None else any(told in each for each in wrong)
