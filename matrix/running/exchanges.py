"""Requests with the one answer that they get on every SDK release: exchanges.toml, read.

Texts may hold words, such as ``$late``: see `words`.
"""

from __future__ import annotations

import functools
import json
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import message_factory, text_format
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from kserve_conformance import datafile
from kserve_conformance.errors import DataFileError, located
from tritonclient.grpc import service_pb2

FILE = Path(__file__).parents[1] / "exchanges.toml"
_SCHEMA = FILE.with_suffix(".schema.json")
_INFERENCE = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
_HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"]
# By the names of calls: those of the first service go without its own.
_CALLS = {
    **{call.name: call for call in _INFERENCE.methods},
    **{f"{_HEALTH.full_name}/{call.name}": call for call in _HEALTH.methods},
}


@dataclass(frozen=True)
class HttpExchange:
    """One HTTP request and its answer.

    Attributes:
        body: None where the request has none.
        answer: the JSON document of the answer; None where it isn't judged.
        error: the sentence of an error answer; None where it is none.
        answer_headers: those that the answer must have.
        transport: how the wrapper asks TorchServe where this is the answer, None for either.
        versions: how many of the contract model there are where this is the answer, None for any.
    """

    check: str
    method: str
    path: str
    body: bytes | None
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: Any = None
    error: str | None = None
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    transport: str | None = None
    versions: int | None = None

    def __str__(self) -> str:
        body = (self.body or b"").decode("utf-8", "replace")
        return f"{self.method} {self.path} {body}".strip()


@dataclass(frozen=True)
class GrpcExchange:
    """One gRPC call and its answer; messages are in protobuf's text format.

    Attributes:
        call: its name, with that of its service where that is another than the protocol's.
        answer: None where the call must end with an error.
        code: the name of the status code of that error.
        error: its sentence.
        transport, versions: as of an `HttpExchange`.
    """

    check: str
    call: str
    request: str = ""
    answer: str | None = None
    code: str | None = None
    error: str | None = None
    transport: str | None = None
    versions: int | None = None

    @property
    def service(self) -> str | None:
        """Give the service, None where it is the protocol's."""
        return self.call.rpartition("/")[0] or None

    def request_message(self) -> Message:
        """Give the request as a message."""
        return _message(_CALLS[self.call].input_type, self.request)

    def answer_message(self) -> Message:
        """Give the answer as a message."""
        return _message(_CALLS[self.call].output_type, self.answer or "")


@dataclass(frozen=True)
class Exchanges:
    """The whole file."""

    http: tuple[HttpExchange, ...]
    grpc: tuple[GrpcExchange, ...]

    def of(self, transport: str, versions: int) -> Exchanges:
        """Give those of a cell.

        Args:
            transport: how its wrapper asks TorchServe, ``rest`` or ``grpc``.
            versions: how many of the contract model TorchServe has.
        """

        def is_there(each: HttpExchange | GrpcExchange) -> bool:
            return each.transport in (None, transport) and each.versions in (None, versions)

        return Exchanges(
            http=tuple(filter(is_there, self.http)), grpc=tuple(filter(is_there, self.grpc))
        )


def words(late: str, transport: str, version: str, versions: Sequence[str]) -> dict[str, str]:
    """Give what stands for each word.

    Args:
        late: the cell's own model, which TorchServe doesn't have at first.
        transport: how the wrapper asks TorchServe.
        version: that of this repository's wrapper.
        versions: those of the contract model, as sentences list them, and ``$quoted_versions`` as
            JSON and messages do.
    """
    return {
        "late": late,
        "transport": transport,
        "version": version,
        "versions": ", ".join(versions),
        "quoted_versions": ", ".join(f'"{each}"' for each in versions),
    }


def load(meanings: Mapping[str, str], path: Path = FILE) -> Exchanges:
    """Read the file.

    Args:
        meanings: what stands for each ``$word``.

    Raises:
        DataFileError: when it can't be read, breaks its schema, has an unknown ``$word`` or an
            answer that is no JSON.
    """
    document = _document(path)
    with located(path):
        http, grpc = (
            [_meant(entry, meanings, f"{kind}[{at}]") for at, entry in enumerate(document[kind])]
            for kind in ("http", "grpc")
        )
        return Exchanges(
            http=tuple(_http(entry, f"http[{at}].answer") for at, entry in enumerate(http)),
            grpc=tuple(GrpcExchange(**entry) for entry in grpc),
        )


def check(checks: Iterable[str], path: Path = FILE) -> None:
    """Read the file as a run will need it, so that a typo doesn't first show in a cell.

    Args:
        checks: the ids that there are.

    Raises:
        DataFileError: when `load` does, or an entry is of no check, of a call that the service
            doesn't have, or holds what is no message of it.
    """
    checks = list(checks)
    # What stands for the words makes no difference here.
    known = load(words("late", "rest", "1", ["1.0"]), path)
    with located(path):
        for index, http in enumerate(known.http):
            _refuse_unknown(http.check, checks, f"http[{index}].check", grpc=False)
        for index, grpc in enumerate(known.grpc):
            _refuse_unknown(grpc.check, checks, f"grpc[{index}].check", grpc=True)
            _refuse_other_messages(grpc, f"grpc[{index}]")


def _refuse_unknown(check: str, checks: Sequence[str], place: str, *, grpc: bool) -> None:
    # A check asks by one way, which its name says: what it has of the other would never be sent.
    if check.startswith("grpc-") is not grpc:
        way = "gRPC" if grpc else "HTTP"
        raise DataFileError(f"{check!r} isn't a check of {way}: name one that is", place)
    if check not in checks:
        meant = datafile.near(check, checks)
        raise DataFileError(f"{check!r} is no check of expectations.toml{meant}", place)


def _refuse_other_messages(exchange: GrpcExchange, place: str) -> None:
    if exchange.call not in _CALLS:
        meant = datafile.nearest(exchange.call, [*_CALLS])
        wrong = f"{exchange.call!r} is no call of the services: {meant}"
        raise DataFileError(wrong, f"{place}.call")
    for key, parse in (("request", exchange.request_message), ("answer", exchange.answer_message)):
        try:
            parse()
        except text_format.ParseError as error:
            raise DataFileError(
                f"no message in protobuf's text format: {error}", f"{place}.{key}"
            ) from None


def checks() -> list[str]:
    """List the checks that the file has requests for, those of gRPC last."""
    document = _document(FILE)
    return list(dict.fromkeys(each["check"] for each in (*document["http"], *document["grpc"])))


@functools.cache
def _document(path: Path) -> Mapping[str, Any]:
    # Every cell asks for it several times.
    return datafile.read(path, _SCHEMA)


def _http(entry: dict[str, Any], place: str) -> HttpExchange:
    method, path = entry.pop("ask").split(" ", 1)
    body = None
    if "body" in entry or "bytes" in entry:
        body = entry.pop("body", "").encode() + bytes.fromhex(entry.pop("bytes", ""))
    if "answer" in entry:
        try:
            entry["answer"] = json.loads(entry["answer"])
        except ValueError as error:
            raise DataFileError(f"no JSON document: {error}", place) from None
    return HttpExchange(method=method, path=path, body=body, **entry)


def _message(described: Descriptor, text: str) -> Message:
    return text_format.Parse(text, message_factory.GetMessageClass(described)())


def _meant(value: Any, meanings: Mapping[str, str], place: str) -> Any:
    """Replace the words in every text of an entry."""
    if isinstance(value, dict):
        return {key: _meant(each, meanings, f"{place}.{key}") for key, each in value.items()}
    if not isinstance(value, str):
        return value
    try:
        return string.Template(value).substitute(meanings)
    except (KeyError, ValueError) as error:
        wrong = f"{error}: the words are ${', $'.join(meanings)}, and $$ is a dollar sign"
        raise DataFileError(wrong, place) from None
