"""What users would have seen is replayed by what a gateway sends again, and by nothing else."""

from __future__ import annotations

import pytest

from drill import gateway
from drill.gateway import Gateway, Seen
from drill.outcomes import Outcome

TWICE = Gateway("twice", "Twice", frozenset({"503", "no connection"}), times=2, pause=0.5)


def asked(*results: str, protocol: str = "V1", every: float = 1.0) -> list[Outcome]:
    """Give requests, one after another, that took a hundredth of a second each."""
    return [
        Outcome(protocol, at * every, at * every + 0.01, result)
        for at, result in enumerate(results)
    ]


def test_what_is_well_is_seen_as_it_is() -> None:
    assert gateway.replay(asked("200", "200"), TWICE) == Seen(alone=0, beside=0, sent_again=0)


def test_a_503_is_sent_again_and_a_reset_is_not() -> None:
    told = gateway.replay(asked("503", "reset", "500", "502", "504", "200"), TWICE)
    assert (told.beside, told.sent_again) == (4, 1)


def test_what_is_sent_again_meets_what_was_answered_then() -> None:
    # The first is sent again when the second one began, which failed in a way that isn't repeated.
    assert gateway.replay(asked("503", "500", "200"), TWICE).alone == 2


def test_it_is_sent_again_so_often_and_no_oftener() -> None:
    refused = asked(*["503"] * 3, *["200"] * 3)
    # Only the first one's two repetitions are refused, too.
    assert gateway.replay(refused, TWICE) == Seen(alone=1, beside=0, sent_again=3)
    once = Gateway("once", "Once", TWICE.sends_again, times=1, pause=0.5)
    assert gateway.replay(refused, once).alone == 2


def test_another_protocol_is_no_answer_to_what_is_sent_again() -> None:
    others = [Outcome("gRPC", 0.5, 0.6, "OK")]
    assert gateway.replay([*asked("503", "503"), *others], TWICE).alone == 2


def test_the_last_answer_stands_for_what_would_have_come_behind_the_end() -> None:
    assert gateway.replay(asked("503", "503"), TWICE).alone == 2
    assert gateway.replay(asked("200", "503", "200"), TWICE).alone == 0


@pytest.mark.parametrize(
    ("name", "result", "is_sent_again"),
    [
        ("istio", "503", True),
        ("istio", "UNAVAILABLE", True),
        ("istio", "500", False),
        ("istio", "502", False),
        ("istio", "504", False),
        ("istio", "reset", False),
        ("istio", "INTERNAL", False),
        ("istio-1-24", "503", False),
        ("istio-1-24", "UNAVAILABLE", True),
        ("envoy", "503", False),
        ("envoy", "no connection", True),
    ],
)
def test_gateways_send_again_what_they_do_by_default(
    name: str, result: str, is_sent_again: bool
) -> None:
    known = {each.name: each for each in gateway.load()}
    assert gateway.replay(asked(result), known[name]).sent_again == is_sent_again


def test_no_gateway_sends_an_answer_again_that_may_have_been_worked_for() -> None:
    worked_for = {"200", "OK", "500", "502", "504", "reset", "timeout", "INTERNAL"}
    assert not any(each.sends_again & worked_for for each in gateway.load())
