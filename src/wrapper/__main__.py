"""Entry point: ``python -m wrapper``.

PROTOCOL_VERSION is judged before anything heavy is imported, so that a wrong value
ends the process within milliseconds, with one line and exit code 2.
"""

from __future__ import annotations

import importlib.util
import os
import sys

from wrapper import protocol, shutdown
from wrapper.termination import refuse


def main() -> None:
    """Start the wrapper, or say in one line why it can't start."""
    shutdown.leave_at_once()
    try:
        declared = protocol.from_environment(os.environ)
    except protocol.UnsupportedProtocolError as error:
        refuse(str(error))

    from wrapper.settings import Settings, SettingsError

    try:
        settings = Settings.from_environment(os.environ, declared)
    except SettingsError as error:
        refuse(str(error))

    if importlib.util.find_spec("kserve") is None:
        refuse("The KServe SDK is not installed here: pip install kserve, any release from 0.8.0")

    with shutdown.put_off():
        from wrapper import server

    try:
        server.run(settings, sys.argv[1:])
    except SettingsError as error:
        refuse(str(error))


if __name__ == "__main__":
    main()
