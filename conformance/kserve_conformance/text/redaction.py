"""Takes secrets out of what results keep: headers, tokens, passwords in addresses.

What was sent and logged is kept as evidence, and evidence is published. What is known to carry a
secret is what `kserve_conformance.text.secret_forms` has, and whatever this process was told to
show nowhere (`kserve_conformance.text.concealing`).
The home folder becomes ``~``: whose it is has nothing to do with the results.

What was redacted is left as it is by redacting it again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from kserve_conformance.text import concealing
from kserve_conformance.text.secret_forms import HIDDEN, IN_A_LINE, NAME, WHOLE, WORDS

__all__ = ["HIDDEN", "names_secret", "redacted", "without_secrets"]


def redacted(value: Any) -> Any:
    """Give a value of results without the secrets in its texts, at whatever depth they are."""
    return _changed(value, lambda text: _without_home(without_secrets(text)))


def without_secrets(text: str) -> str:
    """Give a text without secrets; it still names the home folder."""
    text = concealing.without(text)
    lowered = text.lower()
    words = {word for word in WORDS if word in lowered}
    if not words:
        return text
    for form in WHOLE:
        if not words.isdisjoint(form.words):
            text = form.found.sub(form.shown, text)
    forms = [form for form in IN_A_LINE if not words.isdisjoint(form.words)]
    lines = text.split("\n")
    for number, line in enumerate(lines):
        lowered = line.lower()
        if any(word in lowered for word in words):
            for form in forms:
                line = form.found.sub(form.shown, line)
            lines[number] = line
    return "\n".join(lines)


@lru_cache(maxsize=1024)
def names_secret(name: str) -> bool:
    """Tell whether something of this name is a secret."""
    return bool(NAME.search(name))


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        named = "value" if _is_secret(value.get("name")) else None
        return {
            _without_concealed(key): _hidden(each, change)
            if key == named or _is_secret(key)
            else _changed(each, change)
            for key, each in value.items()
        }
    if isinstance(value, (list, tuple)):
        if len(value) == 2 and _is_secret(value[0]) and not _is_secret(value[1]):
            # A header, as lists of them have it.
            return [value[0], _hidden(value[1], change)]
        return [_changed(each, change) for each in value]
    return value


def _without_concealed(name: Any) -> Any:
    return concealing.without(name) if isinstance(name, str) else name


def _hidden(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return HIDDEN
    if isinstance(value, (list, tuple)):
        return [_hidden(each, change) for each in value]
    return _changed(value, change)


def _is_secret(name: object) -> bool:
    return isinstance(name, str) and names_secret(name)


def _without_home(text: str) -> str:
    if _HOME is None:
        return text
    folder, beginning = _HOME
    # Few texts have it, and to look for that takes a tenth of the expression.
    return beginning.sub("~", text) if folder in text else text


def _beginning(folder: str) -> tuple[str, re.Pattern[str]] | None:
    """Give a folder, and what finds it where a path begins with it.

    That is not within a longer path or an address.
    """
    # The home of a container's nameless user is the root, which every path begins with.
    if folder == "/":
        return None
    return folder, re.compile(rf"(?<![\w.~-]){re.escape(folder)}(?=/)")


_HOME = _beginning(str(Path.home()))
