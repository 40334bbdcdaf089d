"""What a person sees first of a run: few lines, and what weighs most before the rest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from kserve_conformance import VERSION, catalogue, requirements, summary
from kserve_conformance.catalogue import PROFILES
from kserve_conformance.outcome import Outcome
from kserve_conformance.results import claim
from kserve_conformance.results.claim import Judged
from kserve_conformance.results.exhibit import Exhibit
from kserve_conformance.results.judgement import Judgement
from kserve_conformance.results.verdict import Verdict

STATEMENTS = catalogue.load()
OUT = Path("results")


def _failed(*names: str) -> dict[str, tuple[Verdict, str]]:
    return {name: (Verdict.FAILED, f"why {name}") for name in names}


def _lines(
    came_to: Mapping[str, tuple[Verdict, str]], *absent: str, why: str = "nothing there"
) -> list[str]:
    """Sum up a run in which all passed but what is named."""
    outcomes = [
        Outcome(each, Judgement(*came_to.get(name, (Verdict.PASSED, ""))), Exhibit(), 0.1)
        for name, each in STATEMENTS.items()
    ]
    judged = [
        Judged(each.statement.id, each.judgement.verdict, each.judgement.message)
        for each in outcomes
    ]
    reasons = dict.fromkeys(absent, why)
    claims = claim.of_profiles(judged, requirements.load(VERSION), reasons)
    return summary.lines(outcomes, claims, OUT)


def test_a_server_that_keeps_everything_is_told_so() -> None:
    assert _lines({}) == [
        "v1: conforms",
        "v2: conforms",
        "grpc: conforms",
        f"{len(STATEMENTS)} checks: {len(STATEMENTS)} passed",
        "",
        "next: publish the claim",
        "the claim: results/claim.md",
    ]


def test_what_weighs_most_comes_first() -> None:
    """The protocol before an extension, that before HTTP, and a SHOULD last."""
    told = _lines(_failed("V2-META-003", "V2-HEADER-003", "V2-BINARY-004", "V2-TENSOR-003"))
    assert told[:6] == [
        "v1: conforms",
        "v2: departs, binary_tensor_data departs",
        "grpc: conforms",
        "departs from the Open Inference Protocol: v2 1 MUST, 1 SHOULD",
        "departs from the text of an extension: v2 1 of binary_tensor_data",
        "departs from HTTP (RFC 9110): v2 1 MUST",
    ]
    first = STATEMENTS["V2-TENSOR-003"]
    at = told.index("") + 1
    assert told[at : at + 3] == [
        f"V2-TENSOR-003 (MUST): {first.sentence}",
        "    found    why V2-TENSOR-003",
        f"    usually  {first.usual_cause}",
    ]
    ids = [line.partition(" ")[0] for line in told[at : at + 9 : 3]]
    assert ids == ["V2-TENSOR-003", "V2-BINARY-004", "V2-HEADER-003"]
    assert "--check V2-TENSOR-003" in told[-2]
    assert told[-1].startswith("all 4, with requests and answers: results/departures.txt; ")


def test_departures_of_one_cause_are_told_once() -> None:
    """Be it what usually is behind them, or what was found."""
    told = _lines(
        {
            "V1-ERROR-003": (Verdict.FAILED, "one"),
            "V2-ERROR-007": (Verdict.FAILED, "another"),
            "V2-INFER-004": (Verdict.FAILED, "one"),
            "V2-INFER-005": (Verdict.FAILED, "something else"),
        }
    )
    told = [line.partition(":")[0] for line in told if " (MUST): " in line]
    assert told == ["V1-ERROR-003 and 2 more (MUST)", "V2-INFER-005 (MUST)"]


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.UNSUPPORTED, Verdict.ERROR])
@pytest.mark.parametrize("left", [0, 1, 40])
def test_it_is_short_whatever_was_found(verdict: Verdict, left: int) -> None:
    """All of one verdict, and all of it but some of which nothing is known."""
    unknown = [*STATEMENTS][:: left or len(STATEMENTS)]
    reasons = {name: f"{name}, a reason\nof lines " * 40 for name in STATEMENTS}
    told = _lines(
        {
            name: (Verdict.UNSUPPORTED if name in unknown else verdict, why)
            for name, why in reasons.items()
        }
    )
    assert len(told) <= summary.LONGEST
    assert not [line for line in told if "\n" in line]


def test_all_families_and_profiles_fit() -> None:
    told = _lines({**_failed(*STATEMENTS), "V1-HEALTH-003": (Verdict.UNSUPPORTED, "no model")})
    assert len([line for line in told if " from " in line.partition(":")[0]]) == len(
        catalogue.families()
    )
    assert len([line for line in told if line.startswith("    usually")]) == summary.CAUSES
    assert len(told) <= summary.LONGEST


@pytest.mark.parametrize(
    ("name", "verdict", "told"),
    [
        ("V2-HEADER-003", Verdict.FAILED, "next: publish the claim, which tells"),
        ("V2-HEALTH-006", Verdict.UNSUPPORTED, "next: give what a check lacks"),
        ("V2-HEALTH-006", Verdict.ERROR, "next: the suite itself failed"),
    ],
    ids=["http", "partial", "error"],
)
def test_it_says_what_to_do(name: str, verdict: Verdict, told: str) -> None:
    assert _lines({name: (verdict, "why")})[-2].startswith(told)


def test_what_is_not_offered_is_told_with_its_reason() -> None:
    """And once."""
    told = _lines({"V1-PREDICT-002": (Verdict.UNSUPPORTED, "nothing there")}, "v1")
    assert [line for line in told if "nothing there" in line] == ["v1: not offered: nothing there"]


def test_what_was_not_checked_is_told_with_its_reason() -> None:
    names = {"V2-HEALTH-004": "no index", "V2-HEALTH-006": "no model", "V2-INFER-005": "no index"}
    told = _lines({name: (Verdict.UNSUPPORTED, why) for name, why in names.items()})
    assert "2 MUST not checked: no index; and 1 for other reasons" in told


def test_all_profiles_may_be_absent() -> None:
    assert {each.split(":")[0] for each in _lines({}, *PROFILES)[:3]} == set(PROFILES)


def test_what_a_server_said_breaks_no_line_and_keeps_its_secret() -> None:
    """Also where it is cut within the secret."""
    said = f"POST https://user:{'s3cret' * 40}@host/infer: no"
    told = _lines({"V2-INFER-001": (Verdict.FAILED, said)}, "v1", why=f"no\n{said}")
    assert told[0].startswith("v1: not offered: no POST ")
    assert "s3cret" not in "\n".join(told)
