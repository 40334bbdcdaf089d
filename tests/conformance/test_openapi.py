"""The OpenAPI document holds what the suite asks and takes, and what the wrapper answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import given, settings
from kserve_conformance import catalogue
from kserve_conformance.asking.target import Target
from kserve_conformance.session import Session
from kserve_conformance.strategies import invalid, valid

import wrapper.front
from tests.conformance import openapi
from tests.wrapper import surroundings
from wrapper.front.routing import Resource
from wrapper.torchserve import error_table

_OF_KSERVE = "KServe's SDK has it, and no text of the protocols"
_OF_MODELS_OF_TEXT = "an extension of Triton's for models of language"
# What isn't in the document though the wrapper answers it, and why.
LEFT_OUT = {
    ("GET", "/"): _OF_KSERVE,
    ("GET", "/v2/models"): _OF_KSERVE,
    ("GET", "/metrics"): "for Prometheus, in its own format",
    ("POST", "/v2/models/{model_name}/explain"): "tells that V2 has no explanations",
    ("POST", "/v2/models/{model_name}/versions/{model_version}/explain"): "the same",
}
# The same of what the suite asks and the wrapper doesn't have.
NOT_OF_THE_WRAPPER = {
    ("GET", "/openapi.json"): "what a server says of itself",
    ("POST", "/v2/models/{model_name}/generate"): _OF_MODELS_OF_TEXT,
    ("POST", "/v2/models/{model_name}/generate_stream"): _OF_MODELS_OF_TEXT,
    ("POST", "/v2/models/{model_name}/versions/{model_version}/generate"): _OF_MODELS_OF_TEXT,
}
# Classes of invalid requests that a schema doesn't tell from valid ones.
_WITHOUT_WORDS = {
    **dict.fromkeys(("json", "tail", "empty", "utf-8", "token", "deep"), "are no JSON to judge"),
    **dict.fromkeys(("nan", "number"), "JSON can't write them"),
    "unknown-output": "a model's outputs are its own",
    "count": "OpenAPI doesn't multiply",
    "ragged": "OpenAPI doesn't compare lengths",
    "null": "null is taken for what isn't there, by V2-INFER-040",
    "coerced": "some are numbers that the datatype has",
}
_STRATEGIES = {"v1": (valid.v1_bodies(), invalid.v1), "v2": (valid.v2_bodies(), invalid.v2)}
_drawing = settings(max_examples=100, derandomize=True, database=None)


@pytest.fixture(scope="module")
def described() -> Mapping[str, Any]:
    return openapi.document()


def test_it_is_valid_openapi(described: Mapping[str, Any]) -> None:
    schemathesis.openapi.from_dict(dict(described)).validate()


def test_what_is_no_openapi_is_found(described: Mapping[str, Any]) -> None:
    paths = {"v2/models/${model}": described["paths"]["/v2"]}
    with pytest.raises(jsonschema_rs.ValidationError, match=r"\$\{model\}"):
        schemathesis.openapi.from_dict({**described, "paths": paths}).validate()


def test_it_has_the_wrappers_routes(
    described: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes: set[tuple[str, str]] = set()

    def noted(path: str, methods: Mapping[str, Any], *more: Any) -> Resource:
        named = path.replace("{model}", "{model_name}").replace("{version}", "{model_version}")
        routes.update((method, f"/{named}") for method in methods)
        return Resource(path, methods, *more)

    monkeypatch.setattr(wrapper.front, "Resource", noted)
    wrapper.front.Front(surroundings.AnsweringTorchServe(surroundings.settings(tmp_path)))
    assert routes == openapi.operations(described).keys() | LEFT_OUT.keys()


def test_it_has_the_statuses_of_what_torchserve_does(described: Mapping[str, Any]) -> None:
    told = openapi.operations(described)["POST", "/v2/models/{model_name}/infer"]["responses"]
    assert {str(row.status) for row in error_table.TABLE} <= told.keys()


def test_it_has_what_the_suite_asks_and_the_right_server_answers(
    described: Mapping[str, Any], target: Target
) -> None:
    operations = openapi.operations(described)
    left_out = LEFT_OUT | NOT_OF_THE_WRAPPER
    templates = {path for _, path in operations.keys() | left_out.keys()}
    answered: set[tuple[str, str]] = set()
    with Session(target) as session:
        for statement in catalogue.load().values():
            if statement.profile == "grpc":
                continue
            for seen in session.judge(statement).seen:
                method, path = seen.asked.split(" ")
                operation = method, openapi.matching(templates, path)
                # What isn't there, and methods that a path hasn't, are in no document.
                if operation in operations:
                    told = operations[operation]["responses"]
                    assert seen.status in told, (statement.id, seen.asked, seen.status)
                    answered |= {operation} if seen.status == "200" else set()
                elif operation not in left_out:
                    assert seen.status in ("404", "405"), (statement.id, seen.asked)
    # The server has models that aren't ready, so that it never is.
    assert answered == operations.keys() - {("GET", "/v2/health/ready")}


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_it_tells_valid_requests_from_invalid_ones(
    described: Mapping[str, Any], protocol: str
) -> None:
    operation = {"v1": "/v1/models/{model_name}:predict", "v2": "/v2/models/{model_name}/infer"}
    takes = _request(described, operation[protocol])
    good, bad = _STRATEGIES[protocol]
    classes = [name for name in invalid.names(protocol, strict=True) if name not in _WITHOUT_WORDS]

    @_drawing
    @given(good)
    def judge_good(body: Any) -> None:
        takes.validate(body)

    @_drawing
    @given(bad(*classes))
    def judge_bad(body: bytes) -> None:
        assert not takes.is_valid(json.loads(body))

    judge_good()
    judge_bad()


def _request(described: Mapping[str, Any], path: str) -> jsonschema_rs.Validator:
    """Give what judges the JSON of a POST."""
    body = described["paths"][path]["post"]["requestBody"]
    if "$ref" in body:
        body = described["components"]["requestBodies"][body["$ref"].rpartition("/")[2]]
    schema = body["content"]["application/json"]["schema"]
    return jsonschema_rs.Draft202012Validator({**schema, "components": described["components"]})
