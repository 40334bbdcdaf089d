"""Header fields that every request has to have, such as an ingress's Host and a token for it.

Whatever is read here and may be a secret is concealed from then on, wherever it would be shown; see
`kserve_conformance.text.concealing`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from kserve_conformance.errors import WrongUsage
from kserve_conformance.text import concealing
from kserve_conformance.text.redaction import HIDDEN, names_secret

HOST = "host"
# Characters. What is shorter can't be told from other text, so that it can't be taken out of it.
SHORTEST_SECRET = 8
# As gRPC has them, too, which takes bytes for those that end with -bin.
_NAME = re.compile(r"[A-Za-z0-9_.-]+(?<!-bin)")
_HOST = re.compile(r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
# What checks choose, or what says where a message ends.
_OF_THE_SUITE = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-encoding", "content-length"),
        *("content-type", "expect", "inference-header-content-length", "keep-alive", "te"),
        *("trailer", "transfer-encoding", "upgrade", "user-agent", "x-request-id"),
    }
)
_PREFIXES_OF_THE_SUITE = ("ce-", "grpc-")


class HeaderError(WrongUsage):
    """A header field that can't be sent with every request. Its text never tells the value."""


@dataclass(frozen=True)
class Header:
    """A header field.

    Attributes:
        name: in small letters.
        is_secret: whether its value is shown nowhere.
        file: where it is from, None where a command line has it.
        line: its line there, from 1.
    """

    name: str
    value: str = field(repr=False)
    is_secret: bool = False
    file: Path | None = None
    line: int = 0

    @property
    def shown(self) -> str:
        """Write it as a person may see it."""
        return f"{self.name}: {HIDDEN if self.is_secret else self.value}"


def read(texts: Iterable[str], file: Path | None) -> tuple[Header, ...]:
    """Read ``NAME: VALUE`` of a command line, and a file that has such lines.

    A file's are secrets, but for Host; a command line's are where their names say so.

    Raises:
        HeaderError: when one can't be sent, or comes twice; tells which, and no value.
    """
    headers = [_header(text, "--header") for text in texts]
    if file is not None:
        headers += _of_file(file)
    names = [each.name for each in headers]
    for name in names:
        if names.count(name) > 1:
            raise HeaderError(f"--header {name}: it is given more than once: say it in one line")
    return tuple(headers)


def _of_file(file: Path) -> list[Header]:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise HeaderError(f"--header-file {file} can't be read: {error.strerror}") from None
    except ValueError:
        raise HeaderError(f"--header-file {file}: expected ASCII") from None
    headers = [
        _header(text, f"--header-file {file}, line {number}", file, number)
        for number, text in enumerate(lines, start=1)
        if text.strip()
    ]
    if not headers:
        raise HeaderError(f"--header-file {file} is empty: expected lines of NAME: VALUE")
    return headers


def _header(text: str, place: str, file: Path | None = None, line: int = 0) -> Header:
    name, separator, value = text.partition(":")
    name, value = name.lower(), value.strip()
    if not separator or not _NAME.fullmatch(name):
        raise HeaderError(f"{place}: expected NAME: VALUE, such as Host: model.example.com")
    if not value or not value.isascii() or not value.isprintable():
        raise HeaderError(f"{place}: the value of {name} is not of visible ASCII characters")
    if name in _OF_THE_SUITE or name.startswith(_PREFIXES_OF_THE_SUITE):
        raise HeaderError(f"{place}: {name} is what the suite itself chooses for each request")
    if name == HOST:
        if not _HOST.fullmatch(value):
            raise HeaderError(f"{place}: expected Host: NAME or NAME:PORT")
        return Header(name, value, file=file, line=line)
    is_secret = file is not None or names_secret(name)
    if is_secret:
        if len(_credentials(value)) < SHORTEST_SECRET:
            raise HeaderError(
                f"{place}: the value of {name} has fewer than {SHORTEST_SECRET} characters, too "
                "few to keep it out of what is written; one that is no secret goes with --header"
            )
        concealing.conceal(each for each in _secrets(value) if len(each) >= SHORTEST_SECRET)
    return Header(name, value, is_secret, file, line)


def _credentials(value: str) -> str:
    """Give what follows the scheme of credentials (RFC 9110 11.4), all of another value."""
    found = re.fullmatch(r"[A-Za-z][\w.-]* +(\S+)", value)
    return found[1] if found else value


def _secrets(value: str) -> Iterable[str]:
    """Give a value and what is a secret of its own in it: credentials, the values of cookies."""
    yield value
    yield _credentials(value)
    if value.lower().startswith("basic "):
        yield from concealing.of_basic(_credentials(value))
    for each in value.split(";"):
        yield each.partition("=")[2].strip().strip('"')
