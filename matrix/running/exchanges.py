"""Requests with the one answer that they get on every SDK release: exchanges.toml, read.

Texts may hold ``$late`` (the cell's own model, which TorchServe doesn't have at first) and
``$version`` (the version of this repository's wrapper).
"""

from __future__ import annotations

import functools
import json
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kserve_conformance import datafile

FILE = Path(__file__).parents[1] / "exchanges.toml"
_SCHEMA = FILE.with_suffix(".schema.json")


class ExchangesError(Exception):
    """An exchanges.toml that can't be used. Its text says where."""


@dataclass(frozen=True)
class HttpExchange:
    """One HTTP request and its answer.

    Attributes:
        body: None where the request has none.
        answer: the JSON document of the answer; None where it isn't judged.
        error: the sentence of an error answer; None where it is none.
        answer_headers: those that the answer must have.
    """

    check: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None
    status: int
    answer: Any
    error: str | None
    answer_headers: Mapping[str, str]

    def __str__(self) -> str:
        body = (self.body or b"").decode("utf-8", "replace")
        return f"{self.method} {self.path} {body}".strip()


@dataclass(frozen=True)
class GrpcExchange:
    """One gRPC call and its answer; messages are in protobuf's text format.

    Attributes:
        answer: None where the call must end with an error.
        code: the name of the status code of that error.
        error: its sentence.
    """

    check: str
    call: str
    request: str
    answer: str | None
    code: str | None
    error: str | None


@dataclass(frozen=True)
class Exchanges:
    """The whole file."""

    http: tuple[HttpExchange, ...]
    grpc: tuple[GrpcExchange, ...]


def load(meanings: Mapping[str, str], path: Path = FILE) -> Exchanges:
    """Read the file.

    Args:
        meanings: what stands for each ``$word``.

    Raises:
        ExchangesError: when it can't be read, breaks its schema or has an unknown ``$word``.
    """
    document = _document(path)
    return Exchanges(
        http=tuple(
            _http(_meant(entry, meanings, f"{path}: http[{index}]"))
            for index, entry in enumerate(document["http"])
        ),
        grpc=tuple(
            _grpc(_meant(entry, meanings, f"{path}: grpc[{index}]"))
            for index, entry in enumerate(document["grpc"])
        ),
    )


def checks() -> list[str]:
    """List the checks that the file has requests for, those of gRPC last."""
    document = _document(FILE)
    return list(dict.fromkeys(each["check"] for each in (*document["http"], *document["grpc"])))


@functools.cache
def _document(path: Path) -> Mapping[str, Any]:
    # Every cell asks for it several times.
    return datafile.read(path, _SCHEMA, ExchangesError)


def _http(entry: Mapping[str, Any]) -> HttpExchange:
    method, path = entry["ask"].split(" ", 1)
    body = None
    if "body" in entry or "bytes" in entry:
        body = entry.get("body", "").encode() + bytes.fromhex(entry.get("bytes", ""))
    return HttpExchange(
        check=entry["check"],
        method=method,
        path=path,
        headers=entry.get("headers", {}),
        body=body,
        status=entry["status"],
        answer=json.loads(entry["answer"]) if "answer" in entry else None,
        error=entry.get("error"),
        answer_headers=entry.get("answer_headers", {}),
    )


def _grpc(entry: Mapping[str, Any]) -> GrpcExchange:
    return GrpcExchange(
        check=entry["check"],
        call=entry["call"],
        request=entry.get("request", ""),
        answer=entry.get("answer"),
        code=entry.get("code"),
        error=entry.get("error"),
    )


def _meant(value: Any, meanings: Mapping[str, str], place: str) -> Any:
    """Replace the words in every text of an entry."""
    if isinstance(value, dict):
        return {key: _meant(each, meanings, f"{place}.{key}") for key, each in value.items()}
    if not isinstance(value, str):
        return value
    try:
        return string.Template(value).substitute(meanings)
    except (KeyError, ValueError) as error:
        raise ExchangesError(
            f"{place}: {error}: the words are ${', $'.join(meanings)}, and $$ is a dollar sign"
        ) from None
