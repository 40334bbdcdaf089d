"""Texts that this process was told to show nowhere, such as a token that it has to send.

A server may say back what it was sent, in whatever answer and however it writes it. So a text is
found as it is, in base64, and as JSON, Python, a shell, HTML, an address and protobuf's texts write
it, also within each other. It is kept until the process ends: an error that is told last may have
it, too.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator

from kserve_conformance.text.secret_forms import HIDDEN

_CONCEALED: dict[str, re.Pattern[str]] = {}


def conceal(secrets: Iterable[str]) -> None:
    """Take these texts, of visible ASCII, out of whatever is written from now on."""
    for secret in secrets:
        encoded = base64.b64encode(secret.encode("ascii")).decode("ascii").rstrip("=")
        either = "|".join("".join(map(_written, text)) for text in (secret, encoded))
        # Names of headers are written in small letters, and what is one may come to be one.
        _CONCEALED[secret] = re.compile(either, re.IGNORECASE)


def without(text: str) -> str:
    """Give a text without them."""
    # The longest first: a token may be a part of what stands in a header.
    for secret in sorted(_CONCEALED, key=len, reverse=True):
        text = _CONCEALED[secret].sub(HIDDEN, text)
    return text


def without_in_bytes(data: bytes) -> bytes:
    """Give bytes without them."""
    # Each byte is a character of Latin-1.
    return without(data.decode("latin-1")).encode("latin-1") if _CONCEALED else data


def of_basic(credentials: str) -> Iterator[str]:
    """Give what Basic credentials hold: user and password, and the password (RFC 7617)."""
    try:
        told = base64.b64decode(credentials, validate=True).decode("ascii")
    except ValueError:
        return
    yield told
    yield told.partition(":")[2]


def _written(character: str) -> str:
    """Give an expression of the ways in which a character is written."""
    if character.isalnum():
        return character
    if character == "\\":
        return r"(?:\\+|\\*\\134|\\*(?:x|u00)5c|%(?:25)*5c|&#\w+;)"
    code = ord(character)
    ways = [
        # In a shell's quotes a quote is '"'"'.
        rf"(?:'\"|\"')?\\*{re.escape(character)}(?:\"'|'\")?",
        rf"\\+(?:{code:03o}|x{code:02x}|u00{code:02x})",
        rf"%(?:25)*{code:02x}",
        r"&#?\w+;",
    ]
    return f"(?:{'|'.join([*ways, *([r'[+]'] if character == ' ' else [])])})"
