"""Takes secrets out of what results keep: headers, tokens, passwords in addresses.

What was sent and logged is kept as evidence, and evidence is published. What stands here is
what is known to carry a secret: RFC 9110 11.6 (credentials), RFC 6265 (cookies), RFC 3986
3.2.1 (userinfo), and TorchServe's key_file.json.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"

_NAMES = (
    r"(?:proxy-)?authorization|(?:set-)?cookie|x-api-key|x-auth-token|"
    r"(?:access|id|refresh)[_-]token|client[_-]secret|password"
)
_PATTERNS = (
    # As a header's line or in a curl line, up to what ends it there: a line's end, or a quote.
    (re.compile(rf"(?im)\b({_NAMES})(: *)[^\r\n'\"]+"), rf"\1\2{HIDDEN}"),
    # As a member of JSON or of a printed mapping.
    (re.compile(rf"(?i)([\"'](?:{_NAMES})[\"']\s*:\s*[\"'])[^\"']+"), rf"\1{HIDDEN}"),
    # As metadata of gRPC, and what credentials look like wherever they are.
    (re.compile(r"(?i)\b(bearer|basic) +[a-z0-9._~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    # A word of TorchServe's key_file.json, and of a query.
    (re.compile(r"(\"key\"\s*:\s*\")[^\"]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)([?&](?:token|access_token|api_key|signature)=)[^&\s'\"]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(://)[^/\s:@]+:[^/\s@]+@"), rf"\1{HIDDEN}@"),
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
    if isinstance(value, str) and re.fullmatch(_NAMES, str(key), re.IGNORECASE):
        return HIDDEN
    return redacted(value)


def _redacted_text(text: str) -> str:
    for pattern, shown in _PATTERNS:
        text = pattern.sub(shown, text)
    return text
