"""JSON that is nested too deep is refused before a parser takes the process down."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
import requests

from fixtures.torchserve import Instance
from matrix.running.launch import RunningWrapper
from tests import lending
from tests.wrapper.running import RELEASES, wrapper
from wrapper import json_body, json_depth
from wrapper.errors import ServingError

LIMIT = json_depth.DEEPEST


def _nested(depth: int) -> bytes:
    # The document itself is one level.
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize(
    "body",
    [
        _nested(LIMIT),
        json.dumps({"a": "[" * 3000, "b": 'x"' + "{" * 3000 + "\\"}).encode(),
        json.dumps({"a": [[1], {"b": "]"}] * 3000}).encode(),
        json.dumps({"a": ['"[', "]"] * 3000}).encode(),
    ],
    ids=["as deep as may be", "brackets in text", "many brackets", "quotes in text"],
)
def test_what_is_not_too_deep_is_read(body: bytes) -> None:
    assert json_body.read(body) == json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        _nested(LIMIT + 1),
        b'{"a":' * (LIMIT + 1) + b"1" + b"}" * (LIMIT + 1),
        b'[{"a":' * (LIMIT // 2 + 1) + b"1" + b"}]" * (LIMIT // 2 + 1),
        b"[" * 10**6,
        b"[" * 10**6 + b"\\" + b"]" * 10**6,
        b'["]",' * 10**5 + b"1" + b"]" * 10**5,
        b'["\\"]",' * 10**5 + b"1" + b"]" * 10**5,
        b'["\\\\",' * 10**5 + b"1" + b"]" * 10**5,
    ],
    ids=[
        *("lists", "objects", "both", "a million", "no document"),
        *("brackets in text", "quotes in text", "backslashes in text"),
    ],
)
def test_what_is_too_deep_is_refused(body: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(ServingError, match=f"nested more than {LIMIT} deep"):
        json_body.read(body)
    # Refusing must not be the attack: this takes some milliseconds.
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("pieces", "is_beyond"),
    [
        ([b"]" * 600, b"[" * 600], False),
        ([b"]" * 100 + b"[" * (LIMIT + 100)], False),
        ([b"]" * 100 + b"{" * (LIMIT + 101)], True),
        ([b"[]" * LIMIT + b"[" * (LIMIT + 1)], True),
        ([b"[{" * 10, b"[" * (LIMIT - 20)], False),
        ([b"[{" * 10, b"[" * (LIMIT - 19)], True),
    ],
)
def test_depth_goes_on_from_what_is_open(pieces: list[bytes], is_beyond: bool) -> None:
    depth = json_depth.Depth()
    assert any(depth.is_beyond(piece) for piece in pieces) == is_beyond


@pytest.fixture(scope="module")
def torchserve() -> Instance:
    return lending.instance("kserve", "contract")


@pytest.fixture(scope="module", params=RELEASES)
def subject(
    request: pytest.FixtureRequest,
    torchserve: Instance,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningWrapper]:
    folder = tmp_path_factory.mktemp("wrapper")
    with wrapper(request.param, torchserve, folder) as running:
        yield running


@pytest.mark.integration
@pytest.mark.parametrize("depth", [2000, 200_000])
def test_a_deep_body_is_refused_alike_and_the_wrapper_lives(
    subject: RunningWrapper, depth: int
) -> None:
    """orjson before 3.9.15, which old SDKs have beside them, overflows the stack."""
    url = f"{subject.url}/v1/models/contract:predict"
    headers = {"content-type": "application/json"}
    answer = requests.post(url, data=_nested(depth), headers=headers, timeout=30)
    assert answer.status_code == 400
    assert answer.json() == {"error": f"The request body is nested more than {LIMIT} deep"}
    assert subject.exit_code() is None
    good = requests.post(url, data=b'{"instances": [1]}', headers=headers, timeout=30)
    assert good.status_code == 200
