"""What the faithful envelopes make of a batch, with a handler and a context of the test's own.

`test_batches.py` has the same through real TorchServe.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wrapper.envelopes import worker
from tests.wrapper.envelopes.worker import LIMITS, Context, PredictionException
from wrapper.torchserve import error_table


@pytest.fixture(scope="module", autouse=True)
def inside_torchserve() -> Iterator[None]:
    """Have as much of TorchServe's package as the envelopes import."""
    with worker.inside_torchserve():
        yield


def _ask(
    name: str, handler: Callable[..., Any], *rows: Any, headers: Any = None
) -> tuple[list[Any], Context]:
    told, context = worker.told(name, handler, *rows, headers=headers)
    return [json.loads(answer) for answer in told], context


def _v1(*instances: Any) -> dict[str, Any]:
    return {"body": {"instances": list(instances)}}


def _v2(number: int, **more: Any) -> dict[str, Any]:
    tensor = {"name": "x", "shape": [1], "datatype": "INT64", "data": [number], **more}
    return {"data": json.dumps({"id": str(number), "inputs": [tensor]}).encode()}


def _statuses(context: Context) -> list[int]:
    return [each.status[0] for each in context.request_processor]


def _squares(data: list[Any], _context: Any) -> list[Any]:
    return [each * each for each in data]


def test_each_request_gets_its_own_results() -> None:
    told, context = _ask("kserve_faithful", _squares, _v1(1, 2), _v1(), _v1(3))
    assert told == [{"predictions": [1, 4]}, {"predictions": []}, {"predictions": [9]}]
    assert _statuses(context) == [200] * 3


def test_a_request_that_is_none_fails_alone() -> None:
    rows = [_v1(1), {"body": {"instances": 5}}, {"other": b""}, {"body": [1]}, _v1(2)]
    told, context = _ask("kserve_faithful", _squares, *rows)
    assert _statuses(context) == [200, 400, 400, 400, 200]
    assert (told[0], told[4]) == ({"predictions": [1]}, {"predictions": [4]})
    assert told[1]["code"] == 400
    assert told[1]["message"] == 'Expected "instances" or "inputs", a list, in the request body'
    assert "form's field data" in told[2]["message"]
    assert context.request_processor[1].content_type == "application/json"


@pytest.mark.parametrize(
    ("body", "arrives"),
    [
        (b"\xff\xd8", b"\xff\xd8"),
        ("texté", "texté".encode()),
        (b"123", b"123"),
        (b'{"inputs": [7]}', 7),
        (bytearray(b"a"), b"a"),
    ],
)
def test_bytes_and_texts_arrive_as_one_instance(body: Any, arrives: Any) -> None:
    seen: list[Any] = []

    def handler(data: list[Any], _context: Any) -> list[Any]:
        seen.extend(data)
        return [1] * len(data)

    _ask("kserve_faithful", handler, {"body": body})
    assert seen == [arrives]


def test_an_input_that_makes_the_handler_raise_fails_alone() -> None:
    calls: list[list[Any]] = []

    def handler(data: list[Any], context: Context) -> list[Any]:
        calls.append(data)
        # What a handler may look at belongs to the requests that it is asked about.
        assert len(context.request_processor) == len(context.request_ids) == len(data)
        assert context.metrics.request_ids == context.request_ids
        assert [context.get_request_id(place) for place in range(len(data))] == [
            f"id-{each}" for each in data
        ]
        if 1 in data:
            raise ValueError("asked to fail")
        return data

    told, context = _ask("kserve_faithful", handler, *map(_v1, range(3)))
    assert calls == [[0, 1, 2], [0], [1], [2]]
    assert _statuses(context) == [200, 503, 200]
    assert told[1] == {"code": 503, "type": "ValueError", "message": "Prediction failed"}
    assert context.request_ids == {0: "id-0", 1: "id-1", 2: "id-2"}
    assert context.metrics.request_ids == context.request_ids
    assert error_table.from_prediction(json.dumps(told[1]).encode(), LIMITS).status == 500  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (PredictionException("no such thing", 418), 418, "no such thing"),
        (PredictionException("odd", 200), 500, "odd"),
        (MemoryError(), 507, "Out of resources"),
        (RuntimeError("CUDA out of memory"), 507, "Out of resources"),
        (KeyError("x"), 503, "Prediction failed"),
    ],
)
@pytest.mark.parametrize("raises", [True, False])
def test_an_error_keeps_its_status(
    error: Exception, status: int, message: str, raises: bool
) -> None:
    calls: list[int] = []

    def handler(data: list[Any], _context: Any) -> list[Any]:
        calls.append(len(data))
        if raises and 1 in data:
            raise error
        return [error if each == 1 else each for each in data]

    told, context = _ask("kserve_faithful", handler, *map(_v1, range(3)))
    assert _statuses(context) == [200, status, 200]
    assert (told[1]["code"], told[1]["message"]) == (status, message)
    # An exception in the place of a result costs no second call.
    assert calls == ([3, 1, 1, 1] if raises else [3])


def test_a_status_that_the_handler_sets_is_that_requests_own() -> None:
    def handler(data: list[Any], context: Context) -> list[Any]:
        context.set_response_status(422, "too long", idx=1)
        return data

    told, context = _ask("kservev2_faithful", handler, *map(_v2, range(3)))
    assert _statuses(context) == [200, 422, 200]
    assert told[1]["message"] == "too long"


def test_another_number_of_results_is_asked_for_request_by_request() -> None:
    def twice(data: list[Any], _context: Any) -> list[Any]:
        return [each["data"] for each in data for _ in range(2)]

    told, _ = _ask("kservev2_faithful", twice, *map(_v2, range(2)))
    assert [[output["data"] for output in each["outputs"]] for each in told] == [
        [[0], [0]],
        [[1], [1]],
    ]


def test_a_result_that_is_no_json_fails_alone() -> None:
    def handler(data: list[Any], _context: Any) -> list[Any]:
        return [object() if each == 1 else each for each in data]

    told, context = _ask("kserve_faithful", handler, *map(_v1, range(3)))
    assert _statuses(context) == [200, 503, 200]
    assert told[2] == {"predictions": [2]}


def test_predictions_and_explanations_are_asked_for_apart() -> None:
    def handler(data: list[Any], context: Context) -> list[Any]:
        # As BaseHandler does: the first request decides.
        explains = context.get_request_header(0, "explain") == "True"
        return [[each, explains] for each in data]

    headers = [{"explain": "False"}, {"explain": "True"}, {"explain": "False"}]
    told, _ = _ask("kserve_faithful", handler, *map(_v1, range(3)), headers=headers)
    assert told == [
        {"predictions": [[0, False]]},
        {"explanations": [[1, True]]},
        {"predictions": [[2, False]]},
    ]


@settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(shape=st.lists(st.integers(0, 3), max_size=4), flat=st.booleans(), more=st.booleans())
def test_a_handler_gets_data_nested_by_shape(shape: list[int], flat: bool, more: bool) -> None:
    array = numpy.arange(math.prod(shape)).reshape(shape)
    sent = array.reshape(-1).tolist() if flat else array.tolist()
    if more:
        # One level more, or one less, is another shape's.
        sent = [sent]
    seen: list[Any] = []

    def handler(data: list[Any], _context: Any) -> list[Any]:
        seen.extend(each["data"] for each in data)
        return data

    row = _v2(1, shape=shape, data=sent)
    fits = [array.tolist(), array.reshape(-1).tolist()]
    if sent not in fits:
        with pytest.raises(PredictionException, match="shape") as refused:
            _ask("kservev2_faithful", handler, row)
        assert refused.value.error_code == 400
        return
    told, _ = _ask("kservev2_faithful", handler, row)
    assert seen == [array.tolist()]
    (output,) = told[0]["outputs"]
    assert (output["shape"], output["data"]) == (shape, array.reshape(-1).tolist())


_TEXT = {"datatype": "BYTES", "data": ["YWJjZA=="]}


@pytest.mark.parametrize(
    ("shape", "data", "handed"),
    [
        ([], ["a"], "a"),
        ([], "a", "a"),
        ([1], ["a"], "a"),
        ([1, 1], ["a"], "a"),
        ([1, 1], [["a"]], "a"),
        ([2], ["a", "b"], ["a", "b"]),
        ([2, 1], ["a", "b"], [["a"], ["b"]]),
        ([0], [], []),
        ([1, 0], [], [[]]),
    ],
)
def test_one_element_of_bytes_is_handed_over_as_it_is(shape: Any, data: Any, handed: Any) -> None:
    seen: list[Any] = []

    def handler(each: list[Any], _context: Any) -> list[Any]:
        seen.extend(each)
        return each

    told, _ = _ask("kservev2_faithful", handler, _v2(1, datatype="BYTES", shape=shape, data=data))
    assert [(each["data"], each["shape"]) for each in seen] == [(handed, shape)]
    (output,) = told[0]["outputs"]
    assert (output["shape"], output["data"]) == (shape, numpy.ravel(numpy.array(data)).tolist())


def test_nothing_found_is_an_output_of_the_type_that_numpy_gives_it() -> None:
    told, _ = _ask("kservev2_faithful", lambda *_: [[]], _v2(1))
    assert told[0]["outputs"] == [{"name": "x", "datatype": "FP64", "shape": [0], "data": []}]


@pytest.mark.parametrize(
    ("labels", "data", "kept"),
    [
        (None, "YWJjZA==", None),
        ({}, "YWJjZA==", {}),
        ({"content_type": "np"}, "YWJjZA==", {"content_type": "np"}),
        # What was decoded is labelled no more.
        ({"content_type": "base64"}, b"abcd", None),
        ({"content_type": "base64", "a": 1}, b"abcd", {"a": 1}),
        ({"torchserve_wrapper_encoding": "base64"}, b"abcd", None),
    ],
)
def test_base64_reaches_a_handler_as_bytes_without_its_label(
    labels: Any, data: Any, kept: Any
) -> None:
    seen: list[Any] = []

    def handler(each: list[Any], _context: Any) -> list[Any]:
        seen.extend(each)
        return each

    told, _ = _ask("kservev2_faithful", handler, _v2(1, **_TEXT, parameters=labels))
    assert [(each["data"], each.get("parameters")) for each in seen] == [(data, kept)]
    (output,) = told[0]["outputs"]
    text = data if isinstance(data, str) else data.decode()
    assert (output["data"], output.get("parameters")) == ([text], kept)


def test_bytes_beyond_utf8_are_told_by_a_label_of_the_envelopes_own() -> None:
    labels = {"content_type": "base64", "a": 1}
    sent = {"datatype": "BYTES", "data": ["/w=="], "parameters": labels}
    told, _ = _ask("kservev2_faithful", lambda data, _: data, _v2(1, **sent))
    (output,) = told[0]["outputs"]
    assert output["data"] == ["/w=="]
    assert output["parameters"] == {"a": 1, "torchserve_wrapper_encoding": "base64"}
    # What a handler labels by itself is its own.
    own = {"datatype": "BYTES", "shape": [1], "data": ["YWJjZA=="], "parameters": labels}
    told, _ = _ask("kservev2_faithful", lambda *_: [own], _v2(1))
    assert told[0]["outputs"] == [{"name": "x", **own}]


@pytest.mark.parametrize("sent", ["", " ", "é"])
def test_an_id_is_answered_as_it_was_sent(sent: str) -> None:
    asked = json.loads(_v2(1)["data"])
    told, _ = _ask("kservev2_faithful", lambda data, _: data, {"body": {**asked, "id": sent}})
    assert told[0]["id"] == sent
    for absent in ({**asked, "id": None}, {"inputs": asked["inputs"]}):
        told, _ = _ask("kservev2_faithful", lambda data, _: data, {"body": absent})
        assert told[0]["id"] == "id-0"


def test_what_stands_beside_instances_reaches_the_handler() -> None:
    seen: list[Any] = []

    def handler(data: list[Any], context: Any) -> list[Any]:
        seen.append(context.v1_requests)
        return data

    asked = {"instances": [1], "parameters": {"top_k": 3}}
    rows = [{"body": asked}, {"body": b"\xff"}, {"body": json.dumps(asked)}, {"body": "[1]"}]
    with pytest.raises(PredictionException):
        _ask("kserve_faithful", handler, {"body": {"parameters": {}}})
    told, _ = _ask(
        "kserve_faithful", lambda data, context: handler(["x"] * len(data), context), *rows
    )
    assert seen == [[asked, {"instances": [b"\xff"]}, asked, {"instances": [b"[1]"]}]]
    assert told == [{"predictions": ["x"]}] * 4


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"data": b"{"}, "no Open Inference request"),
        ({"data": b"[]"}, "no Open Inference request"),
        ({"data": b'{"inputs": [{"name": "x"}]}'}, "no Open Inference request"),
        (_v2(1, shape=[2]), "Tensor x has 1 elements, but its shape is [2]"),
        (
            _v2(1, datatype="BYTES", data=["!"], parameters={"content_type": "base64"}),
            "Tensor x has an element that isn't the base64",
        ),
    ],
)
def test_a_v2_request_that_is_none_fails_alone(row: Any, says: str) -> None:
    seen: list[Any] = []

    def handler(data: list[Any], context: Any) -> list[Any]:
        seen.append([request["id"] for request in context.open_inference_requests])
        return [each["data"] for each in data]

    told, context = _ask("kservev2_faithful", handler, _v2(0), row, _v2(2))
    assert _statuses(context) == [200, 400, 200]
    assert says in told[1]["message"]
    assert [told[place]["id"] for place in (0, 2)] == ["0", "2"]
    assert [told[place]["outputs"][0]["data"] for place in (0, 2)] == [[0], [2]]
    assert seen == [["0", "2"]]


def test_a_request_alone_raises_so_that_torchserve_tells_it_by_grpc_too() -> None:
    wrong = {"datatype": "BYTES", "data": ["!"], "parameters": {"content_type": "base64"}}
    with pytest.raises(PredictionException, match="base64") as refused:
        _ask("kservev2_faithful", _squares, _v2(1, **wrong))
    assert refused.value.error_code == 400
    with pytest.raises(TypeError):
        _ask("kserve_faithful", _squares, _v1("x"))
    with pytest.raises(ValueError, match="answered nothing"):
        _ask("kserve_faithful", lambda *_: None, _v1(1))


def test_what_is_no_request_reaches_the_handler_as_it_is() -> None:
    envelope = worker.envelope("kserve_faithful", lambda data, _: data)
    assert envelope.handle(None, Context()) is None
    assert envelope.handle([{}], Context({"describe": "True"})) == [{}]
