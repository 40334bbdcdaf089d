"""How deep JSON is nested, told of bytes that come in pieces and may be no JSON."""

from __future__ import annotations

import re

# Levels of lists and objects. TorchServe's workers read JSON with Python's parser, which gives up
# below 1000; orjson before 3.9.15 ends the process at some ten thousand (CVE-2024-27454).
DEEPEST = 512

_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ALIKE = bytes.maketrans(b"{}", b"[]")
_RUNS = re.compile(rb"\[+|\]+")
_TOO_MANY = b"[" * (DEEPEST + 1)


def brackets(outside: bytes) -> bytes:
    """Give the brackets of bytes that are outside of texts."""
    return outside.translate(None, _NO_BRACKETS)


def without_escapes(body: bytes) -> bytes:
    """Give bytes of the same length that have a quotation mark only where a text begins or ends.

    What stands for an escaped one, or for an escaped backslash, is no character of JSON.
    """
    if b"\\" not in body:
        return body
    return body.replace(rb"\\", b"\x01\x02").replace(rb"\"", b"\x01\x02")


class Depth:
    """Follows the brackets of a body, of whatever kind: a parser that can't read it gets as far."""

    def __init__(self) -> None:
        self._now = 0

    def is_beyond(self, brackets: bytes) -> bool:
        """Tell whether more than `DEEPEST` are open anywhere in the next brackets of a body."""
        before = self._now
        opening = brackets.count(b"[") + brackets.count(b"{")
        self._now += 2 * opening - len(brackets)
        if before + opening <= DEEPEST:
            return False
        alike = brackets.translate(_ALIKE)
        # What is sent to be deep opens all at once; what is no JSON may have closed more before.
        run = alike.find(_TOO_MANY)
        if run >= 0 and before + 2 * alike.count(b"[", 0, run) - run >= 0:
            return True
        # Without its innermost pairs it is at most one less deep. A few times settles it for all
        # that is wide but not deep.
        rest = alike
        for taken in range(1, 17):
            rest = rest.replace(b"[]", b"")
            if before + taken + rest.count(b"[") <= DEEPEST:
                return False
        return _deepest(alike, before) > DEEPEST


def _deepest(brackets: bytes, depth: int) -> int:
    deepest = depth
    for run in _RUNS.finditer(brackets):
        text = run.group()
        depth += len(text) if text.startswith(b"[") else -len(text)
        deepest = max(deepest, depth)
        if deepest > DEEPEST:
            break
    return deepest
