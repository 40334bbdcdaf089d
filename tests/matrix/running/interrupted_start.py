"""A pytest plugin for tests: Ctrl-C comes while the thread that starts TorchServe is made."""

from __future__ import annotations

import threading

from matrix.running import session


class _Interrupted(threading.Thread):
    def start(self) -> None:
        raise KeyboardInterrupt


session.threading.Thread = _Interrupted  # type: ignore[attr-defined]
