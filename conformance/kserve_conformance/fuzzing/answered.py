"""Valid requests, which the contract model has to give back; each datatype is a kind of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from hypothesis import strategies as st

from kserve_conformance import expect, round_trip
from kserve_conformance.asking.extensions import BINARY
from kserve_conformance.asking.server import Server
from kserve_conformance.catalogue import Level
from kserve_conformance.expect import reading
from kserve_conformance.fuzzing.classes import Kinds, RequestClass
from kserve_conformance.strategies import valid
from kserve_conformance.tensors import DATATYPES

_ALL = tuple(DATATYPES)
_IN_JSON = tuple(name for name in DATATYPES if name != valid.HALVES)
_OF_A_SIZE = tuple(name for name, row in DATATYPES.items() if row.size)
_MORE = "Valid, with parameters and tensors without elements"
_Bodies = list[st.SearchStrategy[valid.Body]]


def classes() -> Iterable[RequestClass]:
    """Give the classes: of each protocol what binds a server, and what it should answer, too."""
    must, should, typed, raw = Level.MUST, Level.SHOULD, valid.typed_requests, valid.raw_requests
    rows: tuple[tuple[str, Level, str, Callable[[Server], Kinds]], ...] = (
        ("v1/valid", must, "Valid.", lambda _: [valid.v1_bodies()]),
        ("v2/valid", must, "Valid.", lambda _: _must(_IN_JSON, text=True)),
        (
            "v2/valid-more",
            should,
            f"{_MORE}, and FP16 in JSON.",
            lambda _: _should(_ALL, text=True),
        ),
        ("binary/valid", Level.EXTENSION, f"{_MORE}.", _binary),
        ("grpc/typed", must, "Valid, with typed contents.", _messages(typed, _must, valid.TYPED)),
        ("grpc/typed-more", should, f"{_MORE}.", _messages(typed, _should, valid.TYPED)),
        ("grpc/raw", must, "Valid, with raw contents.", _messages(raw, _must, _OF_A_SIZE)),
        ("grpc/raw-more", should, f"{_MORE}, and raw BYTES.", _messages(raw, _should, _ALL)),
    )
    for name, level, sentence, kinds in rows:
        protocol = name.partition("/")[0]
        yield RequestClass(
            name,
            level,
            sentence,
            "v2" if protocol == "binary" else protocol,
            kinds,
            _JUDGES[protocol],
            BINARY if protocol == "binary" else None,
            is_valid=True,
        )


# The texts bind no server to read tensors without elements, or to overlook parameters that it
# doesn't know.


def _must(datatypes: Collection[str], text: bool) -> _Bodies:
    shapes = valid.shapes(min_side=1)
    inputs = [_inputs(each, datatypes, shapes=shapes, text=text) for each in datatypes]
    return [valid.v2_bodies(inputs=each, parameters=st.just({})) for each in inputs]


def _should(datatypes: Collection[str], text: bool) -> _Bodies:
    inputs = [_inputs(each, datatypes, text=text) for each in datatypes]
    # Fractions are what gRPC's parameters can't hold.
    parameters = valid.parameters(fractions=text)
    return [valid.v2_bodies(inputs=each, parameters=parameters) for each in inputs]


def _inputs(
    datatype: str, datatypes: Collection[str], **how: Any
) -> st.SearchStrategy[list[valid.Tensor]]:
    first = valid.tensors(datatypes=[datatype], **how)
    more = st.lists(valid.tensors(datatypes=datatypes, **how), max_size=1)
    both = st.tuples(first, more).map(lambda pair: [pair[0], *pair[1]])
    return both.filter(lambda inputs: len({each["name"] for each in inputs}) == len(inputs))


def _binary(_: Server) -> Kinds:
    return [valid.binary_requests(bodies=each) for each in _should(_ALL, text=False)]


def _messages(
    write: Callable[..., st.SearchStrategy[Any]],
    bodies: Callable[[Collection[str], bool], _Bodies],
    datatypes: Collection[str],
) -> Callable[[Server], Kinds]:
    return lambda server: [write(server.model, bodies=each) for each in bodies(datatypes, False)]


def _v1_comes_back(server: Server, body: valid.Body) -> None:
    (sent,) = body.values()
    told = server.predict(body).success()
    with reading("the V1 answer"):
        back = [each["received"] for each in told["predictions"]]
    if not round_trip.same_json(sent, back):
        expect.equal(back, sent, "the instances that the model received")


def _v2_comes_back(server: Server, body: valid.Body) -> None:
    answer = server.infer(body)
    if 400 <= answer.status < 500 and _has_halves(body):
        # inference_rest.md calls them problematic: refused is right, and wrong values aren't.
        answer.error()
        return
    told = answer.success()
    _expect_back(body, round_trip.of_json(body["inputs"]), told, b"", answer.asked)


def _binary_comes_back(server: Server, request: valid.BinaryRequest) -> None:
    answer = server.infer_binary(request.head, request.raw, request.length)
    answer.failure(200)
    length = answer.headers.get("inference-header-content-length")
    end = int(length) if length and length.isdecimal() else len(answer.body)
    told = dataclasses.replace(answer, body=answer.body[:end]).json()
    sent = round_trip.of_json(request.head["inputs"], request.raw)
    _expect_back(request.head, sent, told, answer.body[end:], answer.asked)


def _message_comes_back(server: Server, message: Any) -> None:
    answer = server.infer_grpc(message)
    if message.id:
        expect.equal(answer.id, message.id, "the id")
    sent = round_trip.of_message(message.inputs, message.raw_input_contents)
    with reading("the gRPC answer"):
        back = round_trip.of_message(answer.outputs, answer.raw_output_contents)
    wanted = [each.name for each in message.outputs]
    round_trip.expect_back(sent, wanted, back, "ModelInfer")


def _expect_back(
    request: Mapping[str, Any],
    sent: Mapping[str, round_trip.Held],
    told: Any,
    raw: bytes,
    asked: str,
) -> None:
    with reading("the V2 answer"):
        back = round_trip.of_json(told["outputs"], raw)
        same_id = "id" not in request or told["id"] == request["id"]
    expect.that(same_id, f"{asked}: the id isn't the request's")
    wanted = [each["name"] for each in request.get("outputs", ())]
    round_trip.expect_back(sent, wanted, back, asked)


def _has_halves(body: valid.Body) -> bool:
    return any(each["datatype"] == valid.HALVES for each in body["inputs"])


_JUDGES: Mapping[str, Callable[[Server, Any], None]] = {
    "v1": _v1_comes_back,
    "v2": _v2_comes_back,
    "binary": _binary_comes_back,
    "grpc": _message_comes_back,
}
