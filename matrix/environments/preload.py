"""What an SDK environment can import before a wrapper starts: neither the SDK nor the subject.

Found by asking the environment, and kept in the cache for as long as neither it nor what the
subject imports by name changes.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from fixtures import cache
from matrix.probes import imported

_PROBE = Path(imported.__file__)
_ASK_WITHIN = 60.0


def modules(python: Path, sdk: str, subject: str, environment: Mapping[str, str]) -> list[str]:
    """Give the names of the modules; none where asking failed.

    Args:
        python: the environment's interpreter.
        sdk: the SDK's package.
        subject: the module that is going to be run.
        environment: that in which the subject can be found.
    """
    top = subject.partition(".")[0]
    # Most changes of a subject leave its imports as they are, and asking takes seconds.
    named = sorted(set(imported.named_by(_sources(top, environment))))
    key = cache.digest(str(python), sdk, top, _PROBE, *named)[:16]
    kept = cache.directory("preload") / f"{key}.json"
    if not kept.is_file():
        asked = _ask(python, sdk, subject, environment)
        if asked is None:
            return []
        cache.write_whole(kept, json.dumps(asked))
    listed: list[str] = json.loads(kept.read_text())
    return listed


def _sources(top: str, environment: Mapping[str, str]) -> list[Path]:
    """List the files of a module that isn't installed; what is belongs to the environment."""
    for folder in (".", *environment.get("PYTHONPATH", "").split(":")):
        inside = sorted(Path(folder, top).rglob("*.py"))
        if inside or (single := Path(folder, f"{top}.py")).is_file():
            return inside or [single]
    return []


def _ask(python: Path, sdk: str, subject: str, environment: Mapping[str, str]) -> list[str] | None:
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
        return None
    return listed
