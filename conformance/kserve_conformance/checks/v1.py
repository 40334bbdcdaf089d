"""What V1 requests are answered with, and which bodies are none."""

from __future__ import annotations

import math
from typing import Any

from kserve_conformance import expect
from kserve_conformance.asking.server import Server, encode
from kserve_conformance.checks import refusals, v1_bodies
from kserve_conformance.checks.refusals import nested
from kserve_conformance.checks.registry import check, check_each

_DEPTH = 2000
_INSTANCES: list[Any] = [{"a": [1, {"b": None}]}, "two", 3, [4.5, False], None]


@check_each({"V1-PREDICT-001": "/v1/models", "V2-META-014": "/v2/models"})
def the_models_are_listed(server: Server, path: str) -> None:
    told = server.get(path).success()
    with expect.reading("the list of models"):
        names = told["models"]
    expect.that(expect.are_texts(names), f"models is no list of names: {names!r}")
    expect.that(server.model in names, f"models doesn't name {server.model}: {names!r}")


@check("V1-PREDICT-002")
def instances_are_answered_with_predictions(server: Server) -> None:
    _predictions(server.predict(server.v1_sample()).success())


@check("V1-PREDICT-003")
def inputs_is_a_root_key_as_well(server: Server) -> None:
    told = server.predict(v1_bodies.with_other_root_key(server)).success()
    # TensorFlow Serving, whose API V1 is, answers "inputs" with "outputs".
    if not isinstance(told, dict) or "outputs" not in told:
        _predictions(told)


@check_each(
    {
        "V1-PREDICT-004": _INSTANCES,
        "V1-PREDICT-007": [2**53 + 1, -(2**63), 2**63 - 1, 2**64 - 1],
    },
    Server.need_contract_v1,
)
def instances_come_back(server: Server, instances: list[Any]) -> None:
    _received(server, {"instances": instances}, instances)


@check("V1-PREDICT-005")
def other_members_are_let_be(server: Server) -> None:
    _predictions(server.predict({**server.v1_sample(), "conformance": {"a": [1]}}).success())


@check("V1-PREDICT-006")
def no_instances_are_no_failure(server: Server) -> None:
    answer = server.predict({**server.v1_sample(), v1_bodies.root_key(server): []})
    if answer.status != 200:
        answer.error()
        return
    expect.that(not _predictions(answer.json()), "there are predictions of no instances")


@check("V1-PREDICT-008", Server.need_contract_v1)
def text_comes_through_whole(server: Server) -> None:
    written = r'{"instances": ["é漢😀", "\u00e9\u6f22\ud83d\ude00", "a\u0000\n\t\"\\\/z"]}'
    _received(server, written.encode(), ["é漢😀", "é漢😀", 'a\0\n\t"\\/z'])


@check("V1-PREDICT-009")
def json_may_be_written_otherwise(server: Server) -> None:
    sample, root = server.v1_sample(), v1_bodies.root_key(server)
    members = {f'"\\u{ord(root[0]):04x}{root[1:]}"': sample.pop(root)}
    members |= {encode(name).decode(): value for name, value in sample.items()}
    written = "\t,".join(
        f"{name}\n :\r\n {encode(each).decode()}" for name, each in members.items()
    )
    _predictions(server.predict(f"\r\n{{\t{written}\t }} \n".encode()).success())


@check("V1-PREDICT-010")
def what_is_no_json_is_refused(server: Server) -> None:
    for body in (encode(server.v1_sample())[:-1], b"conformance"):
        refusals.refused_with_error(server.predict(body))


@check("V1-PREDICT-011")
def the_body_is_one_whole_document(server: Server) -> None:
    sample = encode(server.v1_sample())
    for body in (sample[:-1], sample + b" x", sample + b" {}"):
        server.predict(body).error(400, 422)


@check("V1-PREDICT-012")
def an_empty_body_is_no_failure(server: Server) -> None:
    answer = server.predict(b"")
    if answer.status != 200:
        answer.error()


@check("V1-PREDICT-013")
def the_body_is_an_object(server: Server) -> None:
    for body in (b"[1]", b'"instances"', b"1", b"null"):
        server.predict(body).error()


@check("V1-PREDICT-014")
def there_is_a_root_key(server: Server) -> None:
    server.predict({"conformance": [1]}).error()


@check_each(
    {
        "V1-PREDICT-015": (b'{"instances": {"a": [1]}}', b'{"instances": null}'),
        "V1-PREDICT-016": (b'{"inputs": null}',),
    }
)
def a_root_key_holds_a_list(server: Server, bodies: tuple[bytes, ...]) -> None:
    for body in bodies:
        server.predict(body).error(400, 422)


@check_each(
    {
        "V1-PREDICT-017": (b'"\xff"', b'"\xc3"'),
        "V1-PREDICT-019": (b"NaN", b"Infinity", b"-Infinity"),
    }
)
def what_is_no_utf8_or_no_json_is_refused(server: Server, values: tuple[bytes, ...]) -> None:
    for value in values:
        server.predict(v1_bodies.with_member(server, value)).error(400, 422)


@check("V1-PREDICT-018")
def deep_nesting_is_survived(server: Server) -> None:
    answer = server.predict(v1_bodies.with_member(server, nested(_DEPTH)))
    if answer.status != 200:
        answer.error()
    server.predict(server.v1_sample()).success()


@check("V1-PREDICT-020", Server.need_contract_v1)
def a_number_beyond_a_double_does_not_change(server: Server) -> None:
    answer = server.predict(b'{"instances": [1e400]}')
    if answer.status != 200:
        answer.error()
        return
    with expect.reading("the prediction"):
        received = _predictions(answer.json())[0]["received"]
    # Python's json reads a number beyond a double as infinite; the token itself is no JSON to it.
    expect.that(received == math.inf, f"1e400 came back as {received!r}")


def _received(server: Server, body: Any, instances: list[Any]) -> None:
    predictions = _predictions(server.predict(body).success())
    with expect.reading("the predictions"):
        received = [each["received"] for each in predictions]
    expect.equal(received, instances, "the instances that were received")


def _predictions(told: Any) -> Any:
    return v1_bodies.member(told, "predictions")
