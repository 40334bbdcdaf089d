"""Entry point of the container: ``python -m wrapper.pod``."""

from __future__ import annotations

import os
import sys

from wrapper import protocol
from wrapper.termination import refuse


def main() -> None:
    """Run TorchServe and the wrapper, or say in one line why they can't be started."""
    if sys.argv[1:] in (["-h"], ["--help"]):
        from wrapper.pod.arguments import USAGE

        sys.stdout.write(f"usage: {USAGE}\n")
        return
    try:
        declared = protocol.from_environment(os.environ)
    except protocol.UnsupportedProtocolError as error:
        refuse(str(error))

    from wrapper.pod import supervisor
    from wrapper.pod.arguments import Arguments, ArgumentsError
    from wrapper.pod.plan import Plan, PlanError
    from wrapper.settings import SettingsError

    try:
        plan = Plan.make(Arguments.parse(sys.argv[1:]), os.environ, declared)
        code = supervisor.run(plan)
    except (ArgumentsError, PlanError, SettingsError) as error:
        refuse(str(error))
    except OSError as error:
        refuse(f"{error.filename or 'python -m wrapper.pod'} can't be run: {error.strerror}")
    sys.exit(code)


if __name__ == "__main__":
    main()
