"""Asks a model class, in an SDK's environment, what it makes of each PROTOCOL_VERSION."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import filelock
from kserve_conformance.results.verdict import SubjectFailed
from kserve_conformance.text import messages

from fixtures import cache
from matrix.planning.subject import Subject, base_environment
from matrix.running import launch
from matrix.running.forks import CantFork, ForkServers, Process
from matrix.running.logs import last_lines
from matrix.running.spans import Activity, during

_PROBE = Path(__file__).parents[1] / "probes" / "constructor.py"
_WITHIN = 120.0

# By the name of a value, what `matrix.probes.constructor` tells of it.
Outcomes = dict[str, dict[str, Any]]


def outcomes(
    subject: Subject,
    python: Path,
    values: Mapping[str, str | None],
    marks: Mapping[str, str],
    found: Path,
    forks: ForkServers | None = None,
) -> Outcomes:
    """Give what a subject's constructor makes of values, asked once by all processes of a run.

    Args:
        marks: variables for what is started, see `fixtures.leftovers.Record`.
        found: a file of the run for what was found, the same for whoever asks the same.
        forks: what starts the subject, and then this, by a fork.

    Raises:
        SubjectFailed: when the class can't be imported beside this SDK.
    """
    found.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(found.with_suffix(".lock")):
        if not found.exists():
            told: dict[str, Any] = {}
            try:
                told["outcomes"] = _asked(subject, python, values, marks, forks)
            except SubjectFailed as error:
                told["failed"] = str(error)
            cache.write_whole(found, json.dumps(told))
    known = json.loads(found.read_text())
    if "failed" in known:
        raise SubjectFailed(known["failed"])
    made: Outcomes = known["outcomes"]
    return made


def _asked(
    subject: Subject,
    python: Path,
    values: Mapping[str, str | None],
    marks: Mapping[str, str],
    forks: ForkServers | None,
) -> Outcomes:
    spec = str(subject.constructor)
    environment = {**base_environment(), **marks}
    argv = [str(python), "-m", _PROBE.stem, spec, json.dumps([*values.values()])]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        files = (out.fileno(), err.fileno())
        process: Process | None = None
        activity = Activity.EXACT_START
        # A file is named relative to where the harness works.
        if forks is not None and ".py:" not in spec:
            with contextlib.suppress(CantFork):
                beside = subject.module(python)
                process = forks.start(argv, environment, _PROBE.parent, *files, beside=beside)
                activity = Activity.FORKED_START
        if process is None:
            argv[1:3] = [str(_PROBE)]
            process = launch.start_group(argv, environment, None, *files)
        try:
            with during(activity):
                code = process.wait(_WITHIN)
        except subprocess.TimeoutExpired:
            raise SubjectFailed(f"{spec} took more than {_WITHIN:.0f} s to import") from None
        finally:
            launch.end_group(process)
        for each in (out, err):
            each.seek(0)
        if code != 0:
            why = messages.with_log(f"{spec} can't be imported", last_lines(err.read(), 2000))
            raise SubjectFailed(why)
        told = json.loads(out.read().strip().splitlines()[-1])
    return dict(zip(values, told, strict=True))
