"""The figures of a measurement, and what is asked to make it."""

from __future__ import annotations

import dataclasses
import json

import pytest
from tritonclient.grpc import service_pb2

from benchmarks import measuring, outcome, ways
from benchmarks.asking import Call, Place, Post
from benchmarks.contenders import CONTENDERS, DIRECTLY, FLOOR, WRAPPER
from benchmarks.load import LoadError, Measured
from benchmarks.measuring import Found

WAYS = {(way.name, way.body): way for way in ways.every()}
SMALL = WAYS["V1", "31 B"]
OWN = Measured(requests=2000, requests_per_second=1000, p50=0.001, p99=0.004)
TOLD = Measured(requests=1000, requests_per_second=500, p50=0.0015, p99=0.006)


def test_figures_are_of_each_request_that_was_answered() -> None:
    assert measuring.figures(TOLD, OWN, [0.2, 0.3, 0.1]) == pytest.approx(
        {
            "requests_per_second": 500,
            "ratio": 0.5,
            "p50_ms": 1.5,
            "p50_above_ms": 0.5,
            "p99_ms": 6,
            "p99_ratio": 1.5,
            "cpu_us": 200,
            "java_cpu_us": 300,
            "worker_cpu_us": 100,
        }
    )


def test_each_figure_is_the_median_of_its_own() -> None:
    rounds = [{"ratio": 3, "cpu_us": 1}, {"ratio": 1, "cpu_us": 2}, {"ratio": 2, "cpu_us": 30}]
    assert outcome.medians(rounds) == {"ratio": 2, "cpu_us": 2}


def test_torchserve_and_the_floor_get_what_the_wrapper_makes_of_a_request() -> None:
    binary, call = WAYS["V2 binary", "1 MB of FP32"], WAYS["gRPC", "four FP32"]
    for subject in (DIRECTLY, FLOOR):
        assert measuring.request_of(binary, subject) is binary.directly
    assert measuring.request_of(binary, WRAPPER) is binary.asked
    # An echo of what the wrapper is asked.
    assert measuring.request_of(call, FLOOR) is call.asked


def test_bodies_have_the_sizes_that_are_told() -> None:
    for way in ways.every():
        asked = way.asked
        if isinstance(asked, Post) and way.name != "V2 binary":
            assert len(asked.body) == way.body_bytes
            assert json.loads(asked.body)
    assert SMALL.body_bytes == 31
    assert WAYS["gRPC", "1 MB of FP32"].body_bytes == 1_000_000


def test_what_the_wrapper_is_asked_by_grpc_is_a_request_with_raw_contents() -> None:
    asked = WAYS["gRPC", "four FP32"].asked
    assert isinstance(asked, Call)
    message = service_pb2.ModelInferRequest.FromString(asked.message)
    assert [list(each.shape) for each in message.inputs] == [[4]]
    assert [len(each) for each in message.raw_input_contents] == [16]


def test_a_right_answer_holds_what_was_sent() -> None:
    assert SMALL.holds(b'{"predictions": [\n[1, 2, 3, 4, 5, 6, 7]]}')
    assert not SMALL.holds(b'{"predictions": [[1, 2, 3, 4, 5, 6]]}')
    binary = WAYS["V2 binary", "1 MB of FP32"]
    assert binary.holds(b"{}" + binary.payload)
    assert not binary.holds(b"{}" + binary.payload[:-1])


def test_all_are_measured_where_a_request_is_small() -> None:
    everybody = {each.name for each in CONTENDERS}
    assert {each.name for each in CONTENDERS if each.takes(SMALL)} == everybody
    large = dataclasses.replace(SMALL, by_all=False)
    assert {each.name for each in CONTENDERS if each.takes(large)} == {FLOOR, WRAPPER}


def test_what_is_left_out_says_why_in_a_line() -> None:
    found = Found()
    found.leave_out(LoadError("it broke:\nin many lines"), "0.21.0", "usual design")
    found.leave_out(LoadError("errors"), "0.9.0", FLOOR, SMALL, 64)
    assert found.left_out == [
        {"kserve": "0.21.0", "way": None, "body": None, "connections": None}
        | {"subject": "usual design", "why": "it broke"},
        {"kserve": "0.9.0", "way": "V1", "body": "31 B", "connections": 64}
        | {"subject": FLOOR, "why": "errors"},
    ]


@dataclasses.dataclass
class Scripted:
    """A request that is answered as somebody's script says, and notes that it was made."""

    who: str
    made: list[str]
    script: list[Measured | LoadError]
    answer: bytes = b"sent"

    def once(self, place: Place) -> bytes:
        return self.answer

    def load(self, place: Place, connections: int, seconds: int, answer: bytes) -> Measured:
        self.made.append(self.who)
        told = self.script.pop(0)
        if isinstance(told, LoadError):
            raise told
        return told


def _measured(
    directly: list[Measured | LoadError],
    floor: list[Measured | LoadError],
    asked: list[Measured | LoadError],
    answer: bytes = b"sent",
) -> tuple[Found, list[str]]:
    """Measure three, TorchServe, the floor and the wrapper, in as many rounds as two say."""
    made: list[str] = []
    way = dataclasses.replace(
        SMALL,
        directly=Scripted(DIRECTLY, made, directly),
        floor=Scripted(FLOOR, made, floor),
        asked=Scripted(WRAPPER, made, asked, answer),
        payload=b"sent",
        connections=(16,),
        by_all=False,
    )
    place = Place("", "")
    servers = {
        each: measuring.Server(place, ()) for each in CONTENDERS if each.name in (FLOOR, WRAPPER)
    }
    found = Found()
    measuring.measure_way(way, "0.13.1", measuring.TorchServe(place, ()), servers, (1, 2), found)
    return found, made


def test_in_each_round_one_comes_after_another_and_is_set_beside_torchserve() -> None:
    slow = dataclasses.replace(OWN, requests_per_second=250)
    found, made = _measured([OWN, slow], [TOLD, TOLD], [TOLD, TOLD])
    assert made == [DIRECTLY, FLOOR, WRAPPER] * 2
    ratios = {row["subject"]: row["ratio"] for row in found.rows}
    # 500 of 1000 in the one round, 500 of 250 in the other.
    assert ratios == {DIRECTLY: 1, FLOOR: 1.25, WRAPPER: 1.25}
    assert found.left_out == []


def test_who_answers_errors_is_left_out_and_the_others_go_on() -> None:
    found, made = _measured([OWN, OWN], [TOLD, TOLD], [LoadError("no"), TOLD])
    assert made == [DIRECTLY, FLOOR, WRAPPER, DIRECTLY, FLOOR]
    assert [row["subject"] for row in found.rows] == [DIRECTLY, FLOOR]
    assert [(each["subject"], each["why"]) for each in found.left_out] == [(WRAPPER, "no")]


def test_without_torchserve_itself_there_is_nothing_to_set_others_beside() -> None:
    found, made = _measured([OWN, LoadError("no")], [TOLD, TOLD], [TOLD, TOLD])
    assert made == [DIRECTLY, FLOOR, WRAPPER, DIRECTLY]
    assert found.rows == []
    assert [each["subject"] for each in found.left_out] == [DIRECTLY]


def test_who_answers_something_else_is_never_measured() -> None:
    found, made = _measured([OWN, OWN], [TOLD, TOLD], [TOLD, TOLD], answer=b"another")
    assert WRAPPER not in made
    (left_out,) = found.left_out
    assert left_out["why"] == "what came back is not what was sent: b'another'"
