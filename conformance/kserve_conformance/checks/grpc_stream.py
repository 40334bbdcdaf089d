"""ModelStreamInfer: inference by requests and answers on one stream."""

from __future__ import annotations

from collections.abc import Sequence

from tritonclient.grpc import service_pb2

from kserve_conformance import expect
from kserve_conformance.asking import streams
from kserve_conformance.asking.grpc_client import STREAM_INFER, Streamed
from kserve_conformance.asking.server import Server
from kserve_conformance.checks import grpc_answers
from kserve_conformance.checks.refusals import UNKNOWN_MODEL
from kserve_conformance.checks.registry import check
from kserve_conformance.expect import Departure
from kserve_conformance.results.verdict import Unsupported

_IDS = ("conformance-b", "conformance-a", "conformance-c")


@check("GRPC-STREAM-001")
def a_stream_is_answered(server: Server) -> None:
    answers = _answers(_ask(server, server.grpc_sample()))
    expect.that(bool(answers), "the stream ended without an answer")
    grpc_answers.expect_outputs(answers[0])
    expect.equal(answers[0].model_name, server.model, "model_name")


@check("GRPC-STREAM-002")
def each_request_is_answered(server: Server) -> None:
    requests = [_with_id(server.grpc_sample(), each) for each in _IDS]
    answers = _answers(_ask(server, *requests))
    # A model may answer one request by several messages.
    came = list(dict.fromkeys(each.id for each in answers))
    expect.equal(came, list(_IDS), "the ids of the answers")


@check("GRPC-STREAM-003")
def the_tensors_are_the_same(server: Server) -> None:
    request = server.grpc_sample()
    by_call = grpc_answers.outputs(server.infer_grpc(request))
    if grpc_answers.outputs(server.infer_grpc(request)) != by_call:
        raise Unsupported("the model answers the same request with other tensors each time")
    answers = _answers(_ask(server, request))
    if len(answers) > 1:
        raise Unsupported("the model answers one request by several messages")
    came = [grpc_answers.outputs(each) for each in answers]
    expect.equal(came, [by_call], "the tensors on a stream, against ModelInfer")


@check("GRPC-STREAM-004")
def an_unknown_model_is_an_error(server: Server) -> None:
    request = server.grpc_sample()
    request.model_name = UNKNOWN_MODEL
    streamed = _ask(server, request)
    if streamed.code == "OK":
        told = [streams.read(each) for each in streamed.answers]
        has_error = bool(told) and isinstance(told[-1], str)
        expect.that(has_error, "the stream ended with OK and without an error")


@check("GRPC-STREAM-005")
def a_stream_outlives_an_error(server: Server) -> None:
    wrong = server.grpc_sample()
    wrong.model_name = UNKNOWN_MODEL
    streamed = _ask(server, wrong, _with_id(server.grpc_sample(), _IDS[0]))
    _ended_well(streamed)
    last = streams.read(streamed.answers[-1]) if streamed.answers else "nothing came"
    if isinstance(last, str):
        raise Departure(f"the request after one that is refused isn't answered: {last}")
    expect.equal(last.id, _IDS[0], "the id of the answer after an error")


@check("GRPC-STREAM-006")
def an_empty_stream_ends(server: Server) -> None:
    streamed = _ask(server)
    _ended_well(streamed)
    expect.equal(len(streamed.answers), 0, "the number of answers to no request")


def _ask(server: Server, *requests: service_pb2.ModelInferRequest) -> Streamed:
    return server.stream_bytes(STREAM_INFER, *(each.SerializeToString() for each in requests))


def _answers(streamed: Streamed) -> Sequence[service_pb2.ModelInferResponse]:
    """Give the answers of a stream; `Departure` where one is an error, or its end is none."""
    answers = []
    for message in streamed.answers:
        answer = streams.read(message)
        if isinstance(answer, str):
            raise Departure(f"a request on a stream is answered with an error: {answer}")
        answers.append(answer)
    _ended_well(streamed)
    return answers


def _ended_well(streamed: Streamed) -> None:
    told = f"{streamed.code or 'never'}: {expect.shortened(streamed.details, 300)}"
    expect.that(streamed.code == "OK", f"expected the stream to end with OK, it ended {told}")


def _with_id(
    request: service_pb2.ModelInferRequest, identifier: str
) -> service_pb2.ModelInferRequest:
    request.id = identifier
    return request
