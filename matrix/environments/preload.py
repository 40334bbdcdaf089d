"""What an SDK environment can import before a wrapper starts: neither the SDK nor the subject.

Found by asking the environment, and kept beside it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from fixtures import cache

_PROBE = Path(__file__).resolve().parents[1] / "probes" / "imported.py"
_ASK_WITHIN = 60.0


def modules(python: Path, sdk: str, subject: str, environment: Mapping[str, str]) -> Path:
    """Give the file with the modules, a JSON list of names; an empty one where asking failed.

    Args:
        python: the environment's interpreter.
        sdk: the SDK's package.
        subject: the module that is going to be run.
        environment: that in which the subject can be imported.
    """
    told = python.parents[1] / f"preload-{cache.digest(subject, _PROBE)[:12]}.json"
    if not told.is_file():
        cache.write_whole(told, json.dumps(_ask(python, sdk, subject, environment)))
    return told


def _ask(python: Path, sdk: str, subject: str, environment: Mapping[str, str]) -> list[str]:
    try:
        asked = subprocess.run(
            [python, _PROBE, sdk, subject],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ASK_WITHIN,
        )
        listed: list[str] = json.loads(asked.stdout.splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        return []
    return listed
