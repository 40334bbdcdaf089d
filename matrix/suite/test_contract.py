"""The answers of exchanges.toml, the same on every SDK release: status, body, headers."""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Sequence

import pytest
from kserve_conformance.asking.grpc_client import CallFailed
from kserve_conformance.results.exhibit import Exhibit

from matrix.planning.cells import Cell
from matrix.planning.expectations import Service
from matrix.running import exchanges, late_model
from matrix.running.clients import GrpcClient, RestClient
from matrix.running.exchanges import Exchanges, GrpcExchange, HttpExchange
from matrix.running.worker import Stage


@pytest.fixture
def known(stage: Stage, cell: Cell, service: Service) -> Exchanges:
    """Give the exchanges, as they must be in the cell."""
    return _of_cell(late_model.name_of(cell), service.transport, tuple(stage.versions))


# The checks of a cell come one after the other.
@functools.lru_cache(maxsize=1)
def _of_cell(late: str, transport: str, versions: Sequence[str]) -> Exchanges:
    version = importlib.metadata.version("torchserve-kserve-wrapper")
    words = exchanges.words(late, transport, version, versions)
    return exchanges.load(words).of(transport, len(versions))


@pytest.fixture
def exactly(stage: Stage) -> bool:
    """Tell whether sentences are judged: a wrapper that nobody calls ours may have its own."""
    return stage.subject.constructor is not None


def http_answers(
    check: str, known: Exchanges, rest: RestClient, exactly: bool, exhibit: Exhibit
) -> None:
    for exchange in known.http:
        if exchange.check == check:
            _judge_http(exchange, rest, exactly, exhibit)


def grpc_answers(
    check: str, known: Exchanges, grpc_client: GrpcClient, exactly: bool, exhibit: Exhibit
) -> None:
    for exchange in known.grpc:
        if exchange.check == check:
            _judge_grpc(exchange, grpc_client, exactly, exhibit)


# A test for each check that the file names: what is added there is made without a line here.
for _check in exchanges.checks():
    _judge = grpc_answers if _check.startswith("grpc-") else http_answers
    globals()[f"test_{_check.replace('-', '_')}"] = _judge


def _judge_http(exchange: HttpExchange, rest: RestClient, exactly: bool, exhibit: Exhibit) -> None:
    answer = rest.ask(exchange.method, exchange.path, exchange.body, exchange.headers)
    exhibit.equal(answer.status, exchange.status, f"status of {exchange}")
    for name, value in exchange.answer_headers.items():
        exhibit.equal(answer.headers.get(name.lower()), value, f"header {name} of {exchange}")
    if exchange.method == "HEAD":
        exhibit.equal(answer.body.decode("latin-1"), "", f"body of {exchange}")
        return
    exhibit.equal(answer.headers.get("content-type"), "application/json", f"type of {exchange}")
    if exchange.error is not None:
        answer.sentence()
        if exactly:
            exhibit.equal(answer.json(), {"error": exchange.error}, f"answer to {exchange}")
    else:
        exhibit.equal(answer.json(), exchange.answer, f"answer to {exchange}")


def _judge_grpc(
    exchange: GrpcExchange, client: GrpcClient, exactly: bool, exhibit: Exhibit
) -> None:
    what = f"{exchange.call} {exchange.request}"
    try:
        request = exchange.request_message()
        if exchange.service is None:
            answer = client.call(exchange.call, request)
        else:
            answer = client.call_other(exchange.call, request, type(exchange.answer_message()))
    except CallFailed as refusal:
        exhibit.equal(refusal.code, exchange.code or "OK", f"status of {what}: {refusal.details}")
        if exactly:
            exhibit.equal(refusal.details, exchange.error, f"sentence of {what}")
        return
    exhibit.equal("OK", exchange.code or "OK", f"status of {what}")
    exhibit.equal(str(answer), str(exchange.answer_message()), f"answer to {what}")
