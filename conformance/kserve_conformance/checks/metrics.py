"""What a server counts at /metrics, in Prometheus' text format."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from kserve_conformance import expect
from kserve_conformance.asking.extensions import METRICS_PATH
from kserve_conformance.asking.server import Server
from kserve_conformance.checks.registry import check, check_each
from kserve_conformance.expect import Departure

# A name, labels in braces, a value as Go reads it, and a time; of OpenMetrics, an exemplar, too.
_SAMPLE = re.compile(
    r"(?P<series>[a-zA-Z_:][a-zA-Z0-9_:]*[ \t]*(\{[ \t]*([a-zA-Z_][a-zA-Z0-9_]*[ \t]*=[ \t]*"
    r'"([^"\\]|\\.)*"[ \t]*,?[ \t]*)*\})?)[ \t]*'
    r"(?P<value>[-+]?([0-9.]+([eE][-+]?[0-9]+)?|Inf|NaN))([ \t]+-?[0-9.]+)?([ \t]*# .*)?[ \t]*",
    re.IGNORECASE,
)
_ASKED = 3
# What clients of Prometheus tell of the process itself, which changes when it likes.
_OWN = ("process_", "python_", "go_", "jvm_")


@check_each(dict.fromkeys(("V1-METRICS-001", "V2-METRICS-001")))
def metrics_are_in_their_format(server: Server, _: None) -> None:
    expect.that(bool(_samples(server)), "there is no sample")


@check("V1-METRICS-002")
def predictions_are_counted(server: Server) -> None:
    body = server.v1_sample()
    _are_counted(server, lambda: server.predict(body).success())


@check("V2-METRICS-002")
def inferences_are_counted(server: Server) -> None:
    body = server.v2_sample()
    _are_counted(server, lambda: server.infer(body).success())


@check("GRPC-METRICS-001")
def inferences_over_grpc_are_counted(server: Server) -> None:
    request = server.grpc_sample()
    _are_counted(server, lambda: server.infer_grpc(request))


def _are_counted(server: Server, ask: Callable[[], object]) -> None:
    looks = [_samples(server) for _ in range(_ASKED)]
    for _ in range(_ASKED):
        ask()
    after = _samples(server)
    # What changes by itself, such as the time that the process took, counts nothing that is asked.
    still = {
        name: value
        for name, value in looks[0].items()
        if not name.startswith(_OWN) and all(each.get(name) == value for each in looks)
    }
    # A series may begin with the first of what it counts.
    fresh = {name for name in after.keys() - looks[-1].keys() if not name.startswith(_OWN)}
    is_told = fresh or any(after.get(name) != value for name, value in still.items())
    expect.that(bool(is_told), f"nothing of {METRICS_PATH} tells that it was asked")


def _samples(server: Server) -> Mapping[str, str]:
    """Give the value of each series; `Departure` where a line is none of the format."""
    answer = server.get(METRICS_PATH)
    answer.failure(200)
    samples = {}
    for line in answer.text().splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        sample = _sample(line.strip())
        if sample is None:
            raise Departure(f"a line is no sample: {expect.shortened(line, 200)}")
        series, value = sample
        samples[series] = value
    return samples


# Most lines are the same whenever they are looked at, and each is a series of its own.
@lru_cache(maxsize=4096)
def _sample(line: str) -> tuple[str, str] | None:
    """Give series and value of a line, None where it is none of the format."""
    sample = _SAMPLE.fullmatch(line)
    return None if sample is None else (sample["series"].strip(), sample["value"])
