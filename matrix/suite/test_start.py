"""The start of a wrapper: which protocol takes effect, which models are ready, what is refused."""

from __future__ import annotations

from kserve_conformance.results.exhibit import Exhibit

from matrix.planning.cells import Cell
from matrix.planning.expectations import REFUSES, Expectations, Service
from matrix.running.clients import RestClient
from matrix.running.launch import RunningWrapper
from matrix.running.worker import MODELS, Stage

# What an unset PROTOCOL_VERSION doesn't tell of these envelopes.
_ALSO_SAID = {
    "kservev2": "V2 requests are answered",
    "none": "V1 and V2 requests are passed on as they are",
}


def test_starts(wrapper: RunningWrapper, exhibit: Exhibit) -> None:
    exhibit.equal(wrapper.exit_code(), None, "exit code (None: it runs)")


def test_effective_protocol(
    wrapper: RunningWrapper, cell: Cell, service: Service, exhibit: Exhibit
) -> None:
    unset = cell.protocol in ("unset", "empty")
    said = (
        f"PROTOCOL_VERSION is unset, so {service.effective};"
        if unset
        else f"PROTOCOL_VERSION={service.effective};"
    )
    lines = [line for line in wrapper.log().splitlines() if "PROTOCOL_VERSION" in line]
    exhibit.expected, exhibit.observed = said, lines
    assert any(said in line for line in lines), f"no line of the log says {said!r}: {lines}"
    more = _ALSO_SAID.get(cell.envelope) if unset else None
    assert more is None or any(more in line for line in lines), (
        f"the log does not say that {more} though PROTOCOL_VERSION is unset"
    )


def test_constructor(stage: Stage, cell: Cell, expected: Expectations, exhibit: Exhibit) -> None:
    if expected.outcome(cell.protocol) == REFUSES:
        wanted = {"error": expected.refusals[cell.protocol], "is_value_error": True}
    else:
        wanted = {"protocol": expected.services[cell.protocol][cell.envelope].effective}
    exhibit.equal(stage.constructed(cell), wanted, "what the constructor made of the value")


def test_model_ready(rest: RestClient, exhibit: Exhibit) -> None:
    for model in MODELS:
        answer = rest.get(f"/v1/models/{model}")
        exhibit.equal(answer.status, 200, f"status of {model}")
        exhibit.equal(answer.json(), {"name": model, "ready": True}, f"readiness of {model}")
