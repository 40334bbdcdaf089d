"""Long bodies are judged in pieces, to the same verdict as short ones are judged whole."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from kserve_conformance.asking.server import encode
from kserve_conformance.strategies import invalid, valid
from kserve_conformance.strategies.documents import json_values
from tritonclient.grpc import service_pb2

from wrapper import json_body, steps
from wrapper.envelope import Envelope
from wrapper.errors import ServingError
from wrapper.front import v1_body, v2_body
from wrapper.openinference import answer as answers
from wrapper.openinference import long_request, messages
from wrapper.openinference.request import Wanted
from wrapper.openinference.signature import UNDECLARED

thoroughly = hypothesis_settings(
    max_examples=250,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

SIZES = st.integers(1, 60)
V1 = [Envelope.named(name) for name in ("kserve", "kserve_faithful", None)]
V2 = [Envelope.named(name) for name in ("kservev2", "kservev2_faithful")]
# What breaks JSON, or another letter of it.
_LETTERS = b',[]{}":\\0u 1-.e\t\x00\xff\xc3\xa4dD8'


def _outcome(judge: Callable[[], Any]) -> Any:
    """Give what a body comes to: what TorchServe gets and the rest, or the refusal."""
    try:
        found = judge()
    except ServingError as error:
        return error.status, error.message
    content, *rest = found if isinstance(found, tuple) else (found,)
    return _document(bytes(content)), rest


def _document(content: bytes) -> Any:
    # Names that are there twice, too.
    return json.loads(content, parse_float=float, parse_int=float)


def _of_v1(body: bytes, envelope: Envelope, size: int) -> None:
    whole = _outcome(lambda: v1_body.passed_on(body, envelope))
    pieces = _outcome(lambda: steps.at_once(v1_body.long_passed_on(body, envelope, size)))
    assert pieces == whole, (body, size)


def _of_v2(body: bytes, envelope: Envelope, size: int) -> None:
    its = envelope, UNDECLARED
    whole = _outcome(lambda: v2_body.passed_on(body, *its))
    pieces = _outcome(lambda: steps.at_once(v2_body.long_passed_on(body, *its, size)))
    assert pieces == whole, (body, size)


@st.composite
def _spoilt(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> bytes:
    """Give bodies with a few bytes replaced, added or taken away."""
    body = bytearray(draw(bodies))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(body)))
        there = draw(st.integers(0, 1))
        new = draw(st.lists(st.sampled_from(_LETTERS), max_size=2))
        body[at : at + there] = bytes(new)
    return bytes(body)


def _written(values: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Give JSON with and without blanks, and letters beyond ASCII as they are or escaped."""
    return st.builds(
        lambda value, ascii_only, indent: json.dumps(
            value, ensure_ascii=ascii_only, indent=indent
        ).encode("utf-8", "surrogatepass"),
        values,
        st.booleans(),
        st.sampled_from([None, 1]),
    )


_V1_VALUES = st.dictionaries(
    st.sampled_from(["instances", "inputs", "other"]), json_values(12), max_size=3
)
_V1_BODIES = _spoilt(_written(_V1_VALUES) | valid.v1_bodies().map(encode)) | invalid.v1(
    *invalid.names("v1", strict=True)
)


@thoroughly
@given(_V1_BODIES, st.sampled_from(V1), SIZES)
@example(b'{"inputs":[1,2],"instances":null,"x":1,"inputs":[3],"y":[1,2]}', V1[0], 3)
@example(b'{"instances":[[], {}, ""], "instances" : null}', V1[0], 3)
@example(b'{"in\\u0070uts": [12345678901234567890123], "":0}', V1[0], 2)
def test_v1_in_pieces_is_as_whole(body: bytes, envelope: Envelope, size: int) -> None:
    _of_v1(body, envelope, size)


def _tensors() -> st.SearchStrategy[dict[str, Any]]:
    """Give inputs of which many are wrong, by their data most of all."""
    shapes = st.lists(st.integers(0, 3), max_size=3)
    data = st.one_of(
        st.lists(st.integers(-300, 300) | st.floats(allow_nan=False, allow_infinity=False)),
        st.lists(st.lists(st.integers(-1, 9), max_size=3), max_size=4),
        st.lists(st.lists(st.lists(st.booleans(), max_size=2), max_size=2), max_size=3),
        st.lists(st.text(max_size=60), max_size=4),
        json_values(10),
    )
    members = {
        "name": st.sampled_from(["x", "input", None]),
        "shape": shapes,
        "datatype": st.sampled_from(["INT8", "UINT64", "FP16", "FP32", "FP64", "BOOL", "BYTES"]),
        "data": data,
    }
    optional = {"parameters": st.none() | st.dictionaries(st.text(max_size=3), json_values(2))}
    return st.fixed_dictionaries(members, optional=optional)


def _of_integers(*data: Any) -> bytes:
    tensor = {"name": "x", "shape": [len(data)], "datatype": "INT64", "data": data}
    return encode({"inputs": [tensor]})


@st.composite
def _fitting(draw: st.DrawFn) -> dict[str, Any]:
    """Give inputs whose data fit."""
    tensor = draw(_tensors())
    nested = draw(st.booleans())
    shape: list[int] = tensor["shape"]

    def elements(sizes: list[int]) -> Any:
        if not sizes:
            return draw(st.integers(0, 130))
        return [elements(sizes[1:]) for _ in range(sizes[0])]

    count = 1
    for size in shape:
        count *= size
    return {**tensor, "data": elements(shape if nested else [count])}


_V2_VALUES = st.fixed_dictionaries(
    {"inputs": st.lists(_tensors() | _fitting(), max_size=3)},
    optional={
        "id": st.none() | st.text(max_size=4),
        "parameters": st.none() | st.just({"a": 1}),
        "outputs": st.none() | st.lists(st.just({"name": "y", "parameters": None}), max_size=2),
        "other": json_values(4),
    },
)
_V2_BODIES = _spoilt(_written(_V2_VALUES) | valid.plain_bodies().map(encode)) | invalid.v2(
    *invalid.names("v2", strict=True)
)


@thoroughly
@given(_V2_BODIES, st.sampled_from(V2), SIZES)
@example(_of_integers(1, {"a": 1, "b": [2, 3]}, "b"), V2[0], 1)
@example(_of_integers([1], [{"a": [1, 2], "b": 2}]), V2[0], 1)
@example(_of_integers(1, "a" * 37 + "\U0001f600" * 9, None), V2[0], 30)
def test_v2_in_pieces_is_as_whole(body: bytes, envelope: Envelope, size: int) -> None:
    _of_v2(body, envelope, size)


@pytest.mark.parametrize("depth", [511, 512, 513, 600])
@pytest.mark.parametrize("width", [1, 40])
def test_depth_is_the_same_in_pieces(depth: int, width: int) -> None:
    nested = (b"[" * (depth - 2) + b"]" * (depth - 2) + b",") * width + b"1"
    for body in (
        b'{"instances":[' + nested + b"]}",
        b'{"instances":[' + nested + b'"\\"[",' + nested + b"}",
        b'{"instances":[' + nested.replace(b"[]", b'["]]]\\"["]'),
    ):
        for size in (7, 100, 5000):
            _of_v1(body, V1[0], size)


def test_pieces_of_their_real_size_are_judged_alike() -> None:
    chosen = random.Random(7)
    numbers = [chosen.random() for _ in range(16_000)]
    rows = [numbers[each : each + 4] for each in range(0, 16_000, 4)]
    texts = [chosen.choice(["a", "ä", '"', "\\", "\U0001f600", "\n"]) * 35_000 for _ in range(9)]
    for tensor in (
        {"shape": [16_000], "datatype": "FP64", "data": numbers},
        {"shape": [40, 100, 4], "datatype": "FP64", "data": rows},
        {"shape": [4_000, 4], "datatype": "FP64", "data": rows},
        {"shape": [4_000, 4], "datatype": "INT8", "data": rows},
        {"shape": [16_001], "datatype": "FP64", "data": [*numbers, "x"]},
        {"shape": [16_001], "datatype": "FP16", "data": [*numbers, -1e9]},
        {"shape": [16_001], "datatype": "FP32", "data": [*numbers, {"a": texts}]},
        {"shape": [9], "datatype": "BYTES", "data": texts},
        {"shape": [9], "datatype": "INT64", "data": texts},
        {"shape": [], "datatype": "BYTES", "data": texts[0]},
    ):
        document = {"id": None, "inputs": [{"name": "x", **tensor}], "other": rows}
        for ascii_only in (True, False):
            body = json.dumps(document, ensure_ascii=ascii_only).encode()
            _of_v2(body, V2[1], 64 * 1024)
            _of_v1(body, V1[0], 64 * 1024)
            _of_v1(body[:-1], V1[0], 64 * 1024)


def test_what_is_beside_the_data_has_a_bound() -> None:
    long = {f"{each}": each for each in range(100_000)}
    tensor = {"name": "x", "shape": [1], "datatype": "INT8", "data": [1]}
    for document, place in (
        ({"inputs": [tensor], "parameters": long}, "the request"),
        ({"inputs": [{**tensor, "parameters": long}]}, "inputs[0]"),
    ):
        judged = v2_body.long_passed_on(encode(document), V2[0], UNDECLARED)
        with pytest.raises(ServingError, match=f'"parameters" of .*{place[:6]}') as refused:
            steps.at_once(judged)
        assert refused.value.status == 413
        assert str(long_request.MOST_BESIDE_DATA) in refused.value.message


def _answers() -> st.SearchStrategy[Any]:
    """Give what models answer, much of it wrong; NaN and infinities among numbers."""
    numbers = st.integers(-300, 300) | st.floats()
    shape_and_data = st.lists(numbers, max_size=8).flatmap(
        lambda data: st.sampled_from(
            [([len(data)], data), ([1, len(data)], [data]), ([len(data) + 1], data)]
        )
    )
    fitting = st.builds(
        lambda told, datatype: {
            "name": "y",
            "shape": told[0],
            "datatype": datatype,
            "data": told[1],
        },
        shape_and_data,
        st.sampled_from(["FP32", "FP64", "INT64", "BYTES"]),
    )
    return st.fixed_dictionaries(
        {"model_name": st.just("m"), "outputs": st.lists(fitting | _tensors(), max_size=2)},
        optional={
            "id": st.none() | st.text(max_size=3),
            "parameters": st.none() | st.just({"a": 10**400}),
        },
    )


def _as_asked(read: Callable[[], Any]) -> Any:
    """Give an answer in every form, or why it can't be given."""
    answer = _outcome_of(read)
    if isinstance(answer, tuple):
        return answer
    response = service_pb2.ModelInferResponse()
    return (
        _outcome_of(lambda: json.loads(bytes(answers.to_json(answer)))),
        _outcome_of(lambda: steps.at_once(answers.to_binary(answer, Wanted(None, True)))),
        _outcome_of(lambda: steps.at_once(messages.fill_response(response, answer, True))),
        response.SerializeToString(deterministic=True),
    )


def _outcome_of(judge: Callable[[], Any]) -> Any:
    try:
        return judge()
    except ServingError as error:
        return error.status, error.message


@thoroughly
@given(_spoilt(_written(_answers())), SIZES)
@example(b'{"id":"\\ud800","model_name":"m","outputs":[]}', 1)
def test_an_answer_in_pieces_is_as_whole(body: bytes, size: int) -> None:
    whole = _as_asked(lambda: answers.read(body, Wanted()))
    pieces = _as_asked(lambda: steps.at_once(answers.long_read(body, Wanted(), size)))
    assert pieces == whole


@pytest.mark.parametrize(
    ("body", "is_document", "holds_nan"),
    [
        (b"[" + b"1," * 200_000 + b"NaN]", True, True),
        (b'["NaN",' + b"1," * 200_000 + b"1]", True, False),
        (b"[" + b"1," * 200_000 + b"1]", True, False),
        (b"\x00NaN" * 100_000, False, True),
    ],
)
def test_nan_in_a_long_answer_is_seen(body: bytes, is_document: bool, holds_nan: bool) -> None:
    assert steps.at_once(json_body.long_is_document(body)) is is_document
    assert json_body.is_document(body) is is_document
    assert steps.at_once(json_body.long_holds_nan(body)) is holds_nan
    assert json_body.holds_nan(body) is holds_nan
