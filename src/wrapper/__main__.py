"""Entry point: ``python -m wrapper``.

PROTOCOL_VERSION is judged before anything heavy is imported, so that a wrong value
ends the process within milliseconds, with one line and exit code 2.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import NoReturn

from wrapper import protocol

# Kubernetes shows this file's text as the container's termination message.
_TERMINATION_LOG = "/dev/termination-log"
_USAGE_ERROR = 2


def main() -> None:
    """Start the wrapper, or say in one line why it can't start."""
    try:
        declared = protocol.from_environment(os.environ)
    except protocol.UnsupportedProtocolError as error:
        _refuse(str(error))

    from wrapper.settings import Settings, SettingsError

    try:
        settings = Settings.from_environment(os.environ, declared)
    except SettingsError as error:
        _refuse(str(error))

    if importlib.util.find_spec("kserve") is None:
        _refuse("The KServe SDK is not installed here: pip install kserve, any release from 0.8.0")

    from wrapper import server

    try:
        server.run(settings, sys.argv[1:])
    except SettingsError as error:
        _refuse(str(error))


def _refuse(line: str) -> NoReturn:
    sys.stderr.write(line + "\n")
    path = Path(os.environ.get("TERMINATION_LOG_PATH") or _TERMINATION_LOG)
    with contextlib.suppress(OSError):
        path.write_text(line + "\n", encoding="utf-8")
    sys.exit(_USAGE_ERROR)


if __name__ == "__main__":
    main()
