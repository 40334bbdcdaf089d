"""What is judged: an address, a model, and what its owner says of them."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kserve_conformance import datafile, tensors
from kserve_conformance.asking.access import DIRECT, GRPC_TLS, Access, Address
from kserve_conformance.asking.http_client import TIMEOUT
from kserve_conformance.catalogue import PROFILES
from kserve_conformance.errors import DataFileError, WrongUsage

_SCHEMA = Path(__file__).with_name("payloads.schema.json")
# What a model's name would end or change a path with.
_PATH_SIGNS = frozenset("/?#%")


class TargetError(WrongUsage):
    """A target that can't be asked as it was described."""


@dataclass(frozen=True)
class Target:
    """A server and the model of it that is asked.

    Attributes:
        url: base of its REST routes, such as ``http://127.0.0.1:8080``, with the path that stands
            before theirs.
        grpc: ``HOST:PORT`` of its gRPC service, ``grpcs://HOST:PORT`` where that is over TLS, None
            where it has none.
        profiles: what is judged.
        claimed: of these, what its owner says that it offers; the others are looked for.
        payloads: sample requests, ``v1`` and ``v2``, for models that don't describe their inputs.
        payloads_file: where they are from, for the command that judges again.
        not_ready_model: a model that the server knows and that isn't ready, if there is one.
        spare_model: a model that may be unloaded and loaded again, if there is one.
        timeout: seconds that an answer may take.
        access: what every request goes by.
    """

    url: str
    model: str
    grpc: str | None = None
    profiles: tuple[str, ...] = PROFILES
    claimed: frozenset[str] = frozenset()
    payloads: Mapping[str, Any] = field(default_factory=dict)
    not_ready_model: str | None = None
    spare_model: str | None = None
    timeout: float = TIMEOUT
    payloads_file: Path | None = None
    access: Access = DIRECT

    def __post_init__(self) -> None:
        if "@" in self.url:
            # Not shown: a claim, results and curl lines hold the address, for others to read.
            raise TargetError("--target: a user and a password in the address would be published")
        if not _is_base(self.url):
            raise TargetError(
                f"--target {self.url}: expected http://HOST:PORT or https://HOST:PORT, and the "
                "path before /v1 and /v2 where there is one"
            )
        if self.grpc is not None and not _is_grpc(self.grpc):
            raise TargetError(
                f"--grpc-target {self.grpc}: expected HOST:PORT, or {GRPC_TLS}://HOST:PORT for TLS"
            )
        if any(Address.of(each).is_tls for each in (self.url, self.grpc) if each):
            # What is wrong with its files is said before anything is asked.
            _ = self.access.tls
        elif self.access.ca or self.access.cert:
            raise TargetError(
                "--ca and --cert are for TLS: say https:// in --target, or "
                f"{GRPC_TLS}:// in --grpc-target"
            )
        if not self.model:
            raise TargetError("--model is empty: name the model to ask")
        for option, name in (
            ("--model", self.model),
            ("--not-ready-model", self.not_ready_model or ""),
            ("--spare-model", self.spare_model or ""),
        ):
            if set(name) & _PATH_SIGNS or not name.isprintable():
                raise TargetError(f"{option} {name!r}: such a name can't be put into a path")
        if "grpc" in self.claimed and self.grpc is None:
            raise TargetError("--profile grpc needs --grpc-target HOST:PORT")

    @property
    def arguments(self) -> list[str]:
        """Give the command-line arguments that describe it."""
        told = ["--target", self.url, "--model", self.model]
        told += ["--grpc-target", self.grpc] if self.grpc else []
        told += self.access.arguments
        told += ["--not-ready-model", self.not_ready_model] if self.not_ready_model else []
        told += ["--spare-model", self.spare_model] if self.spare_model else []
        told += ["--answer-timeout", f"{self.timeout:g}"] if self.timeout != TIMEOUT else []
        told += ["--payloads", str(self.payloads_file)] if self.payloads_file else []
        named = self.profiles if self.claimed else ()
        return told + [word for profile in named for word in ("--profile", profile)]


def read_payloads(path: Path) -> Mapping[str, Any]:
    """Read a file of sample requests: ``{"v1": {"instances": ...}, "v2": {"inputs": ...}}``.

    Raises:
        DataFileError: when it can't be read or has another form; says where.
    """
    document = datafile.read(path, _SCHEMA)
    for index, each in enumerate(document.get("v2", {}).get("inputs", ())):
        wrong = _why_not_sound(each)
        if wrong is not None:
            raise DataFileError(wrong, f"v2.inputs[{index}]", path)
    return document


def _is_base(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # Reading the port judges it.
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and not (parts.query or parts.fragment)
            and url.isprintable()
            and " " not in url
        )
    except ValueError:
        return False


def _is_grpc(target: str) -> bool:
    scheme, separator, address = target.rpartition("://")
    try:
        Address.of(target)
    except ValueError:
        return False
    # Its port has to be said: none is usual.
    is_whole = bool(re.fullmatch(r"[^/?#@]+:[0-9]+", address))
    return is_whole and (not separator or scheme == GRPC_TLS)


def _why_not_sound(described: Mapping[str, Any]) -> str | None:
    """Say why a tensor can't be sent over each of the transports, None where it can."""
    data = tensors.flat(described["data"])
    if len(data) != math.prod(described["shape"]):
        return f"{len(data)} elements, where shape {described['shape']} says another number"
    try:
        tensors.pack(described["datatype"], data)
    except (struct.error, OverflowError, TypeError, ValueError, AttributeError) as error:
        return f"data that are no {described['datatype']}: {error}"
    return None
