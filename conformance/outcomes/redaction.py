"""Takes secrets out of what results keep: headers, tokens, passwords in addresses.

What was sent and logged is kept as evidence, and evidence is published. What stands here is
what is known to carry a secret: RFC 9110 11.6 (credentials), RFC 6265 (cookies), RFC 3986
3.2.1 (userinfo), TorchServe's key_file.json and its keystore, and variables that are named for one.
The home folder becomes ``~``: whose it is has nothing to do with the results.

What was redacted is left as it is by redacting it again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HIDDEN = "***"

# One of them is in whatever a pattern finds: looking for them costs a tenth of the patterns.
_WORDS = (
    *("authorization", "cookie", "api-key", "api_key", "apikey", "token", "secret", "password"),
    *("keystore_pass", "bearer", "basic", '"key"', "sig", "credential", "access_key", "@"),
)
_NAMES = (
    r"(?:proxy-)?authorization|(?:set-)?cookie|x-api-key|x-auth-token|"
    r"(?:access|id|refresh)[_-]token|client[_-]secret|password|keystore_pass"
)
# A quote as it stands in JSON, in JSON within JSON (with backslashes before it), or in a printed
# mapping; what is quoted ends at the like of it, or with the line where it was cut off.
_OPENED = r"(?P<quote>\\*[\"'])"
_QUOTED = r"[^\r\n]*?(?=(?<!\\)(?P=quote)|[\r\n]|\Z)"

_PATTERNS = (
    # As a member of JSON or of a printed mapping, and as a pair of a list of headers.
    (re.compile(rf"(?i)([\"'](?:{_NAMES})\\*[\"']\s*:\s*b?{_OPENED}){_QUOTED}"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?i)(\(b?[\"'](?:{_NAMES})[\"'],\s*b?{_OPENED}){_QUOTED}"), rf"\1{HIDDEN}"),
    # As a header in quotes, as in a curl line, and as one of a line of its own.
    (re.compile(rf"(?i)({_OPENED}(?:{_NAMES}): *){_QUOTED}"), rf"\1{HIDDEN}"),
    (re.compile(rf"(?im)(?<![\w\"'])((?:{_NAMES}): *)[^\r\n]+"), rf"\1{HIDDEN}"),
    # What credentials look like wherever they are; "basic tensors" and "Basic authentication"
    # are prose.
    (
        re.compile(
            r"\b(Bearer|Basic|(?i:bearer|basic)(?= +\S*\d)) +(?!auth)[A-Za-z0-9._~+/=-]{6,}",
        ),
        rf"\1 {HIDDEN}",
    ),
    # As TorchServe's key_file.json has them.
    (
        re.compile(r"(\"(?:management|inference|API)\"\s*:\s*\{\s*\"key\"\s*:\s*\")[^\"]+"),
        rf"\1{HIDDEN}",
    ),
    # In a query or a form, the signatures of object stores among them.
    (
        re.compile(
            r"(?im)((?:^|[?&])(?:(?:access_|id_|refresh_)?token|api_?key|client_secret|password|"
            r"sig|(?:x-(?:amz|goog)-)?(?:signature|credential|security-token))=)[^&\s'\"]+"
        ),
        rf"\1{HIDDEN}",
    ),
    # As a variable of an environment, and as a line of config.properties.
    (
        re.compile(
            r"\b((?:[A-Z0-9_]*(?:SECRET|TOKEN|PASSWORD|ACCESS_KEY|API_KEY)|keystore_pass)=)\S+"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(://)[^/\s@?#'\"]+@"), rf"\1{HIDDEN}@"),
)


def redacted(value: Any) -> Any:
    """Give a value of results without the secrets in its texts, at whatever depth they are."""
    if isinstance(value, str):
        return _redacted_text(value)
    if isinstance(value, Mapping):
        return {key: _redacted_member(key, each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [redacted(each) for each in value]
    return value


def _redacted_member(key: Any, value: Any) -> Any:
    if re.fullmatch(_NAMES, str(key), re.IGNORECASE):
        if isinstance(value, str):
            return HIDDEN
        if isinstance(value, (list, tuple)):
            return [_redacted_member(key, each) for each in value]
    return redacted(value)


def _redacted_text(text: str) -> str:
    lowered = text.lower()
    if any(word in lowered for word in _WORDS):
        for pattern, shown in _PATTERNS:
            text = pattern.sub(shown, text)
    return _HOME.sub("~", text) if _HOME else text


def _beginning(folder: str) -> re.Pattern[str] | None:
    """Find a folder where a path begins with it, not within a longer path or an address."""
    # The home of a container's nameless user is the root, which every path begins with.
    return None if folder == "/" else re.compile(rf"(?<![\w.~-]){re.escape(folder)}(?=/)")


_HOME = _beginning(str(Path.home()))
