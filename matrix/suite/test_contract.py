"""The answers of exchanges.toml, the same on every SDK release: status, body, headers."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable

import pytest
from kserve_conformance.asking.grpc_client import CallFailed
from kserve_conformance.results.exhibit import Exhibit

from matrix.planning.cells import Cell
from matrix.planning.expectations import Service
from matrix.planning.plan import Plan
from matrix.running import exchanges, late_model
from matrix.running.clients import GrpcClient, RestClient
from matrix.running.exchanges import Exchanges, GrpcExchange, HttpExchange
from matrix.running.launch import RunningWrapper
from matrix.running.worker import Stage
from matrix.suite.grpc_offer import need_grpc

Judge = Callable[[str], None]


@pytest.fixture
def known(cell: Cell, service: Service) -> Exchanges:
    """Give the exchanges, as they must be in the cell."""
    version = importlib.metadata.version("torchserve-kserve-wrapper")
    return exchanges.load(
        {"late": late_model.name_of(cell), "transport": service.transport, "version": version}
    )


@pytest.fixture
def http_answers(known: Exchanges, rest: RestClient, stage: Stage, exhibit: Exhibit) -> Judge:
    """Give what judges the HTTP exchanges of a check."""

    def judge(check: str) -> None:
        asked = [exchange for exchange in known.http if exchange.check == check]
        assert asked, f"exchanges.toml has nothing for {check}"
        for exchange in asked:
            _judge_http(exchange, rest, exhibit, exactly=stage.subject.constructor is not None)

    return judge


@pytest.fixture
def grpc_answers(
    known: Exchanges,
    wrapper: RunningWrapper,
    grpc_client: GrpcClient,
    plan: Plan,
    cell: Cell,
    stage: Stage,
    exhibit: Exhibit,
) -> Judge:
    """Give what judges the gRPC exchanges of a check."""

    def judge(check: str) -> None:
        need_grpc(plan, cell, check, wrapper)
        asked = [exchange for exchange in known.grpc if exchange.check == check]
        assert asked, f"exchanges.toml has nothing for {check}"
        for exchange in asked:
            exactly = stage.subject.constructor is not None
            _judge_grpc(exchange, grpc_client, exhibit, exactly)

    return judge


def _test(check: str) -> Callable[..., None]:
    if check.startswith("grpc-"):

        def judge_grpc(grpc_answers: Judge) -> None:
            grpc_answers(check)

        return judge_grpc

    def judge_http(http_answers: Judge) -> None:
        http_answers(check)

    return judge_http


# A test for each check that the file names: what is added there is made without a line here.
for _check in exchanges.checks():
    _made = _test(_check)
    _made.__name__ = f"test_{_check.replace('-', '_')}"
    globals()[_made.__name__] = _made


def _judge_http(
    exchange: HttpExchange, rest: RestClient, exhibit: Exhibit, *, exactly: bool
) -> None:
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
        # A wrapper that nobody calls ours may use words of its own.
        if exactly:
            exhibit.equal(answer.json(), {"error": exchange.error}, f"answer to {exchange}")
    else:
        exhibit.equal(answer.json(), exchange.answer, f"answer to {exchange}")


def _judge_grpc(
    exchange: GrpcExchange, client: GrpcClient, exhibit: Exhibit, exactly: bool
) -> None:
    what = f"{exchange.call} {exchange.request}"
    try:
        answer = client.call(exchange.call, exchange.request_message())
    except CallFailed as refusal:
        exhibit.equal(refusal.code, exchange.code or "OK", f"status of {what}: {refusal.details}")
        if exactly:
            exhibit.equal(refusal.details, exchange.error, f"sentence of {what}")
        return
    exhibit.equal("OK", exchange.code or "OK", f"status of {what}")
    exhibit.equal(str(answer), str(exchange.answer_message()), f"answer to {what}")
