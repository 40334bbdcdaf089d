"""The tokens that TorchServe asks for since 0.11.1, where nobody switched that off.

TorchServe writes key_file.json to its working directory when it starts. It holds a key for
inference, one for management, and one (``API``) with which new ones are asked for when they
have expired (pytorch/serve, docs/token_authorization_api.md).
"""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

INFERENCE = "inference"
MANAGEMENT = "management"
API = "API"

# Seconds between two looks at the file. A key that is refused before has it looked at at once.
_LOOK_AGAIN = 0.5


class Keys:
    """The keys in a key_file.json, as they are now.

    No key file means no tokens: TorchServe's check is off, or the file is elsewhere.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._looked = -math.inf
        self._stamp: tuple[int, int] | None = None
        self._keys: dict[str, str] = {}

    def headers(self, kind: str) -> dict[str, str]:
        """Give the header that authorizes a request, none where there is no key.

        Args:
            kind: INFERENCE, MANAGEMENT or API.
        """
        self._refresh()
        key = self._keys.get(kind)
        return {} if key is None else {"authorization": f"Bearer {key}"}

    def forget(self) -> None:
        """Read the file again next time, even if it looks unchanged."""
        self._stamp = None
        self._looked = -math.inf

    def _refresh(self) -> None:
        now = time.monotonic()
        if self._path is None or now - self._looked < _LOOK_AGAIN:
            return
        self._looked = now
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._keys = _keys(json.loads(self._path.read_bytes()))
                self._stamp = stamp
        except (OSError, ValueError):
            # TorchServe has not written it yet, or is writing it just now.
            self._stamp, self._keys = None, {}

    def __repr__(self) -> str:
        return f"Keys({self._path})"


def _keys(content: Any) -> dict[str, str]:
    entries = content.items() if isinstance(content, dict) else ()
    return {
        kind: entry["key"]
        for kind, entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("key"), str)
    }
