"""What a server offers is found by asking it."""

from __future__ import annotations

import dataclasses
from typing import Any

import grpc
import pytest
from kserve_conformance import catalogue
from kserve_conformance.asking.extensions import (
    EVENTS,
    GENERATE,
    GRPC_HEALTH,
    METRICS,
    MODEL_LIST,
    OPENAPI,
    VERSIONS,
)
from kserve_conformance.asking.offer import Offer
from kserve_conformance.asking.target import Target
from kserve_conformance.session import Session

from tests.servers import RightServer, state
from tests.servers.grpc_service import HEALTH_CHECK, Ended
from tests.servers.http import Answer, Handler, Request
from tests.servers.wrong.faults import change_answers, change_documents

_EVERYTHING = {each.feature for each in catalogue.load().values() if each.feature}


def _look(target: Target) -> Offer:
    with Session(target) as session:
        return session.offer


def test_a_model_that_is_no_contract_model_is_told_apart(
    server: RightServer, target: Target
) -> None:
    def flatten(told: dict[str, list[dict[str, list[int]]]]) -> None:
        for output in told["outputs"]:
            output["shape"] = [len(output["data"])]

    change_documents(server, "/infer", flatten)
    offer = _look(dataclasses.replace(target, profiles=("v2",)))
    assert not offer.is_contract_v2
    assert offer.v2_sample is not None


def test_an_answer_that_makes_no_sense_makes_no_sample(server: RightServer, target: Target) -> None:
    """As TorchServe's own envelope does with a tensor that the contract model gives back."""

    def spoil(request: Request, answer: Answer) -> None:
        if b"returned" in request.body:
            told = answer.document()
            told["outputs"][0] |= {"datatype": "BYTES", "shape": [1], "data": [{"a": 1}]}
            answer.put(told)

    change_answers(server, "/infer", spoil)
    offer = _look(dataclasses.replace(target, profiles=("v2",)))
    assert offer.v2_sample is not None
    assert [each["name"] for each in offer.v2_sample["inputs"]] == ["input"]


def test_a_model_that_is_not_ready_is_found_in_the_index(
    server: RightServer, target: Target
) -> None:
    offer = _look(dataclasses.replace(target, not_ready_model=None))
    assert offer.not_ready_model == state.NOT_READY


def test_a_version_that_was_replaced_does_not_make_a_model_unready(
    server: RightServer, target: Target
) -> None:
    """Triton lists each version of a model, and a model that is being loaded."""

    def index(request: Request, answer: Answer) -> Answer | None:
        listed = [
            {"name": "contract", "version": "1", "state": "UNAVAILABLE"},
            {"name": "contract", "version": "2", "state": "READY"},
            {"name": "soon", "version": "1", "state": "LOADING"},
        ]
        return Answer.of(listed) if request.path.endswith("/index") else None

    change_answers(server, "/v2/repository", index)
    assert _look(dataclasses.replace(target, not_ready_model=None)).not_ready_model is None


@pytest.mark.parametrize(
    "inputs",
    [
        [{"name": "x", "datatype": "FP32", "shape": [1]}, {"name": "y", "datatype": "BF16"}],
        [{"name": "x", "datatype": "BF16", "shape": [1]}],
        [{"name": "x", "datatype": "FP32", "shape": [100000, 100000]}],
        [{"name": "x", "datatype": "FP32", "shape": [3]}],
    ],
)
def test_a_guess_that_is_not_answered_is_nothing_to_judge_by(
    server: RightServer, target: Target, inputs: list[Any]
) -> None:
    """The server may be right: what a model takes is more than its metadata say."""

    def describe(request: Request, answer: Answer) -> Answer | None:
        if request.path.endswith("/infer"):
            return Answer.error(400, "that is no JPEG")
        told = answer.document()
        return answer.put({**told, "inputs": inputs}) if "inputs" in told else None

    change_answers(server, "/v2/models/contract", describe)
    only = dataclasses.replace(target, profiles=("v2",), claimed=frozenset({"v2"}), grpc=None)
    assert _look(only).v2_sample is None
    given = {"v2": {"inputs": [{"name": "a", "datatype": "BOOL", "shape": [1], "data": [True]}]}}
    assert _look(dataclasses.replace(only, payloads=given)).v2_sample == given["v2"]


def test_a_server_that_speaks_grpc_only_is_asked_by_grpc(
    server: RightServer, target: Target
) -> None:
    change_answers(server, "/v", lambda *_: Answer.error(404, "no REST here"))
    offer = _look(target)
    assert set(offer.absent) == {"v1", "v2"}
    assert offer.is_contract_v2


def test_an_extension_may_be_declared_by_the_name_that_kserve_gives_it(
    server: RightServer, target: Target
) -> None:
    def rename(told: dict[str, list[str]]) -> None:
        if "extensions" in told:
            told["extensions"] = ["model_repository_extension"]

    change_documents(server, "/v2", rename)
    assert _look(target).declared == {"model_repository"}


def test_a_version_that_is_listed_and_answers_may_be_asked_for(
    server: RightServer, target: Target
) -> None:
    path = f"/v2/models/{state.MODEL}"
    assert _look(target).version == state.VERSION
    change_documents(server, path, lambda told: {**told, "versions": ["2", "3"]})
    offer = _look(target)
    assert offer.version is None
    assert VERSIONS not in offer.detected
    # Of several nobody knows which one is ready, and the only one is.
    change_documents(server, path, lambda told: {k: told[k] for k in told if k != "model_version"})
    assert _look(target).version == state.VERSION
    change_documents(server, path, lambda told: {**told, "versions": None})
    assert _look(target).version is None


def test_a_version_is_found_over_grpc_alone(server: RightServer, target: Target) -> None:
    change_answers(server, "/v2", lambda *_: Answer.error(404, "no V2 REST here"))
    assert _look(dataclasses.replace(target, profiles=("grpc",))).version == state.VERSION


@pytest.mark.parametrize("kept", ["structured", "binary", "none"])
def test_events_are_seen_in_either_mode(server: RightServer, target: Target, kept: str) -> None:
    async def without(request: Request, proceed: Handler) -> Answer:
        is_structured = "cloudevents" in request.headers.get("content-type", "")
        mode = "structured" if is_structured else "binary"
        is_event = is_structured or "ce-id" in request.headers
        answer = await proceed(request)
        return Answer.of({"predictions": [1]}) if is_event and mode != kept else answer

    server.rest_fault = without
    offer = _look(dataclasses.replace(target, profiles=("v1",)))
    assert (EVENTS in offer.detected) is (kept != "none")


def test_grpcs_own_health_protocol_is_looked_for(server: RightServer, target: Target) -> None:
    assert GRPC_HEALTH not in _look(dataclasses.replace(target, profiles=("v2",))).detected

    def gone(method: str, _: bytes) -> bytes | None:
        if method == HEALTH_CHECK:
            raise Ended(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        return None

    server.raw_grpc_fault = gone
    offer = _look(target)
    assert GRPC_HEALTH not in offer.detected
    assert offer.detected == _EVERYTHING - {GRPC_HEALTH}


def test_a_page_that_answers_any_path_is_no_extension(server: RightServer, target: Target) -> None:
    page = Answer(200, b"<html>welcome</html>", {"content-type": "text/html"})

    async def welcome(request: Request, proceed: Handler) -> Answer:
        answer = await proceed(request)
        is_beside = request.path in ("/metrics", "/openapi.json", "/v2/models", "/v2/docs")
        return page if is_beside or request.path.endswith("/generate") else answer

    server.rest_fault = welcome
    offer = _look(target)
    assert not offer.detected & {GENERATE, METRICS, MODEL_LIST, OPENAPI}


def test_a_description_may_be_where_mlserver_has_it(server: RightServer, target: Target) -> None:
    def move(request: Request, answer: Answer) -> Answer | None:
        if request.path == "/v2/docs/dataplane.json":
            return Answer.of({"openapi": "3.0.3", "info": {}, "paths": {}})
        return Answer.error(404, "not here") if request.path == "/openapi.json" else None

    change_answers(server, "/", move)
    assert OPENAPI in _look(target).detected
