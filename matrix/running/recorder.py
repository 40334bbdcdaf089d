"""Turns what pytest reports into records, in the controller, and into the results file."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kserve_conformance import VERSION
from kserve_conformance.results import junit, surroundings
from kserve_conformance.results.record import Header, Record, Run
from kserve_conformance.results.results_file import ResultsError, Writer, read
from kserve_conformance.results.verdict import Verdict

from fixtures import torchserve
from matrix.environments import locking
from matrix.environments.locking import Lock
from matrix.planning import checkout
from matrix.planning.cells import Cell
from matrix.planning.options import RunOptions
from matrix.planning.plan import Plan
from matrix.planning.subject import Subject
from matrix.running import files, observation, pod_files
from matrix.running.instances import Instances
from matrix.running.observation import Observation, Phase
from matrix.running.timing import Moment
from matrix.running.transcripts import Transcripts

if TYPE_CHECKING:
    from matrix.running.image_contents import Contents


class Recorder:
    """Writes a record for each check when its last phase has been reported."""

    def __init__(
        self,
        plan: Plan,
        options: RunOptions,
        subject: Subject,
        runtime: str,
        instances: Instances,
        locks: Mapping[str, Lock | None],
        *,
        forked: bool,
        contents: Contents | None = None,
    ) -> None:
        self._plan = plan
        self._instances = instances
        self._pending: dict[str, Observation] = {}
        self._started = time.monotonic()
        self._out = options.out
        start = "forked" if forked else "exact"
        header = _header(plan, subject, runtime, instances, locks, start, contents)
        self._writer = Writer(options.out / files.RESULTS, header)
        self._transcripts = Transcripts(options.out, plan.cells)
        if subject.requirements:
            _keep(locks, options.out / files.LOCKS)

    def take(self, cell: Cell, report: pytest.TestReport, phase: Phase) -> list[Record]:
        """Take a phase and its report; give the check's records once it is over."""
        if phase.seen is not None:
            self._transcripts.take(cell, phase.seen)
        over = [*phase.statements]
        known = self._pending.pop(report.nodeid, None)
        check = _joined(known, phase.check, report.when == "teardown") if known else phase.check
        if report.when == "teardown":
            over.append(check)
        else:
            self._pending[report.nodeid] = check
        # The check that judges statements is there for them, too, where it wasn't asked for.
        planned = self._plan.checks[cell.id]
        return [self._write(cell, each) for each in over if each.record.check in planned]

    def crashed(self, cell: Cell, check: str, report: pytest.TestReport) -> Record:
        """Record a check whose worker process died under it."""
        self._pending.pop(report.nodeid, None)
        message = f"the process that ran the check died: {report.longreprtext}"
        now = time.time()
        moment = Moment(now - report.duration, now)
        return self._write(cell, observation.of_crash(self._plan, cell, check, message, moment))

    def finish(self) -> tuple[Run, str | None]:
        """Write the footer, the JUnit report and the table of differences.

        Returns:
            The whole run, and what to tell of the differences.
        """
        run = self._writer.finish(surroundings.now(), time.monotonic() - self._started)
        junit.write([run], self._out / files.JUNIT)
        return run, self._transcripts.finish()

    def _write(self, cell: Cell, observed: Observation) -> Record:
        record = observed.record
        if not record.as_expected:
            moment = Moment(observed.began, observed.ended)
            log = self._instances.log_of(cell.torchserve, cell.envelope, moment)
            if log:
                record = replace(record, evidence={**record.evidence, "torchserve_log": log})
        return self._writer.record(replace(record, seconds=round(record.seconds, 4)))


def _joined(known: Observation, phase: Observation, is_teardown: bool) -> Observation:
    """Give what a check came to after one more phase: a tear-down only takes away."""
    told = phase
    if is_teardown:
        sound = known.record.verdict in (Verdict.PASSED, Verdict.UNSUPPORTED)
        ruined = sound and phase.record.verdict is not Verdict.PASSED
        told = phase if ruined else known
    seconds = known.record.seconds + phase.record.seconds
    return replace(told, record=replace(told.record, seconds=seconds))


def past_run(options: RunOptions) -> str | None:
    """Tell of an earlier run in the same folder that was cut short, None where there is none."""
    path = options.out / files.RESULTS
    if not path.exists():
        return None
    try:
        past = read(path)
    except ResultsError as error:
        return f"the earlier results are replaced, and can't be read: {error}"
    return f"{path}: {past.sentence()}; it is replaced" if past.cut_short else None


def _keep(locks: Mapping[str, Lock | None], folder: Path) -> None:
    """Leave the locks beside the results, to be looked at, compared and given again."""
    folder.mkdir(exist_ok=True)
    for lock in filter(None, locks.values()):
        shutil.copyfile(lock.path, folder / locking.path_of(lock.release).name)


def _header(
    plan: Plan,
    subject: Subject,
    runtime: str,
    instances: Instances,
    locks: Mapping[str, Lock | None],
    start: str,
    contents: Contents | None,
) -> Header:
    return Header(
        run=uuid.uuid4().hex,
        started=surroundings.now(),
        machine=surroundings.machine(),
        commit=checkout.commit(),
        runtime=runtime,
        torchserve=[
            {
                "release": release,
                "envelope": envelope,
                "identity": instances.identity(release, envelope),
            }
            for release, envelope in plan.instances()
        ],
        locks={release: lock.digest if lock else None for release, lock in locks.items()},
        wrapper={
            "name": subject.name,
            "command": subject.command,
            "constructor": subject.constructor,
            **({"ports": ",".join(map(str, subject.ports))} if subject.ports else {}),
            **(_told(contents) if contents else {}),
        },
        planned={cell.id: list(plan.checks[cell.id]) for cell in plan.cells},
        suite=VERSION,
        engine=torchserve.engine_version() if runtime == "container" else None,
        repeat=plan.repeat,
        start=start,
        requirements=subject.requirements,
        pod_paths=contents is not None or pod_files.only_where_named() is None,
    )


def _told(contents: Contents) -> dict[str, str]:
    return {
        "image": contents.name,
        "digest": contents.digest,
        "kserve": contents.kserve,
        "torchserve": contents.torchserve,
    }
