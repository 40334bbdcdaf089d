"""Bodies of the model repository: what they may ask for, by REST and by gRPC."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from tests.wrapper.front.asking import answer_to, body_of, error_of
from tests.wrapper.openinference.ways import thoroughly
from tests.wrapper.surroundings import AnsweringTorchServe
from wrapper.errors import ServingError
from wrapper.openinference import repository_messages, repository_request
from wrapper.torchserve.repository import Repository

_VALUES: st.SearchStrategy[Any] = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()
_PARAMETERS = st.dictionaries(st.sampled_from(["config", "unload_dependents", "x"]), _VALUES)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What TorchServe was asked to load or unload."""
    asked: list[str] = []
    for verb in ("load", "unload"):

        async def ask(_self: Repository, model: str, verb: str = verb) -> None:
            asked.append(f"{verb} {model}")

        monkeypatch.setattr(Repository, verb, ask)
    return asked


@pytest.mark.parametrize(
    ("verb", "body", "said"),
    [
        ("load", b"{", "not valid JSON"),
        ("unload", b"[]", "Expected a JSON object as the request body, got a list"),
        ("load", b'{"parameters": [1]}', 'Expected "parameters" to be an object, got a list'),
        (
            "load",
            b'{"parameters": {"config": "{}"}}',
            'The parameter "config" can\'t be applied: TorchServe loads a model as its archive',
        ),
        ("load", b'{"parameters": {"file:1/model.mar": "AA=="}}', '"file:1/model.mar"'),
        ("load", b'{"parameters": {"unload_dependents": true}}', '"unload_dependents" can\'t'),
        ("unload", b'{"parameters": {"unload_dependents": 1}}', "to be a boolean"),
        ("unload", b'{"parameters": {"config": "{}"}}', '"config" can\'t be applied'),
    ],
)
def test_what_can_not_be_applied_is_refused_by_name(
    torchserve: AnsweringTorchServe, asked: list[str], verb: str, body: bytes, said: str
) -> None:
    path = "/v2/repository/models/{}/" + verb
    answer = answer_to(torchserve, path.format("digits"), body)
    assert answer.status == 400
    assert said in error_of(answer)
    # Names before bodies.
    assert answer_to(torchserve, path.format("unknown"), body).status == 404
    assert not asked


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"parameters": null}',
        b'{"parameters": {"config": null}}',
        b'{"parameters": {}, "more": 1}',
        # As Triton's clients always ask.
        b'{"parameters": {"unload_dependents": false}}',
        b'{"parameters": {"unload_dependents": true}}',
    ],
)
def test_what_asks_for_nothing_more_is_done(
    torchserve: AnsweringTorchServe, asked: list[str], body: bytes
) -> None:
    path = "/v2/repository/models/digits/unload"
    assert answer_to(torchserve, path, body, "POST").status == 200
    assert asked == ["unload digits"]


def test_null_in_a_question_for_the_index_is_absent(torchserve: AnsweringTorchServe) -> None:
    for body in (b"", b"{}", b'{"ready": null}'):
        answer = answer_to(torchserve, "/v2/repository/index", body, "POST")
        assert [each["name"] for each in body_of(answer)] == ["digits"]


@thoroughly
@given(parameters=_PARAMETERS, verb=st.sampled_from(["load", "unload"]))
def test_grpc_and_rest_refuse_the_same(parameters: dict[str, Any], verb: str) -> None:
    message = service_pb2.RepositoryModelLoadRequest(model_name="digits")
    members = {bool: "bool_param", int: "int64_param", str: "string_param"}
    for name, value in parameters.items():
        setattr(message.parameters[name], members[type(value)], value)
    read = repository_messages.ModelRequest.FromString(message.SerializeToString())
    assert repository_messages.model_of(read) == "digits"
    told = repository_messages.parameters_of(read)
    assert told == parameters
    assert [type(told[name]) for name in parameters] == list(map(type, parameters.values()))
    body = json.dumps({"parameters": parameters}).encode()
    said = [
        _refused(repository_request.check_parameters, verb, told),
        _refused(repository_request.check_body, verb, body),
    ]
    assert (said[0] is None) == (said[1] is None)
    applicable = verb == "unload" and all(
        name == "unload_dependents" and isinstance(value, bool)
        for name, value in parameters.items()
    )
    assert (said[0] is None) == (applicable or not parameters)


def _refused(check: Any, *given: Any) -> str | None:
    try:
        check(*given)
    except ServingError as error:
        return error.message
    return None
