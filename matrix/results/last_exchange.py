"""The last exchange of a check: its request as a line for a shell, and what was answered.

Lines are those of `kserve_conformance.asking`: ``curl``, ``grpcurl``, or ``printf`` into ``nc``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kserve_conformance.results.record import Record
from kserve_conformance.text.redaction import HIDDEN

_COMMAND = re.compile(r"(?:curl|grpcurl|printf) ")
_OVER_GRPC = ("grpcurl ", "--http2-prior-knowledge ")
# Where the address of the server stands, not one within a body.
_PORTS = (
    re.compile(r"(?P<before>--path-as-is '?http://127\.0\.0\.1:)\d+"),
    re.compile(r"(?P<before> \| nc 127\.0\.0\.1 )\d+"),
    re.compile(r"(?P<before> 127\.0\.0\.1:)\d+(?= inference\.GRPCInferenceService/)"),
)
_NO_BODY = re.compile(r"--data-binary @BODY   # |-d @ .* < BODY   # |, of which not all are here$")
# As `kserve_conformance.expect.shortened` ends what it cuts off.
_CUT_OFF = re.compile(r"\.\.\. \(\d+ characters\)$")


@dataclass(frozen=True)
class Address:
    """Where a wrapper answers."""

    http_port: int
    grpc_port: int


def of(record: Record) -> str | None:
    """Give the line of the last request of a check, None where it sent none as a line."""
    exchanges = record.evidence.get("exchanges", ())
    line = exchanges[-1]["request"] if exchanges else ""
    return line if _COMMAND.match(line) else None


def answer_of(record: Record) -> str | None:
    """Give what the last request of a check was answered, on one line and without headers."""
    exchanges = record.evidence.get("exchanges", ())
    if not exchanges:
        return None
    head, _, body = exchanges[-1]["response"].partition("\n\n")
    return " ".join(f"{head.partition(chr(10))[0]} {body}".split())


def readdressed(line: str, address: Address) -> str:
    """Give a line as it goes to another wrapper of this machine."""
    is_grpc = any(word in line for word in _OVER_GRPC)
    port = address.grpc_port if is_grpc else address.http_port
    for pattern in _PORTS:
        line, found = pattern.subn(rf"\g<before>{port}", line, count=1)
        if found:
            break
    return line


def lacks(line: str) -> list[str]:
    """Say what keeps a line from being sent as it is; nothing most often."""
    told = []
    if HIDDEN in line:
        told.append(f"a secret was taken out of it, and {HIDDEN} stands there: put yours in")
    if _NO_BODY.search(line):
        told.append("its body is too long to be kept in results: put one like it into a file BODY")
    elif _CUT_OFF.search(line):
        told.append("it is cut off, as it is too long to be kept in results")
    return told


def needs_protoset(line: str) -> bool:
    """Tell whether a line needs the description of the gRPC service."""
    return line.startswith("grpcurl ")
