"""Turns what pytest reports into records, in the controller, and into the results file."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from kserve_conformance import VERSION
from kserve_conformance.errors import DataFileError
from kserve_conformance.results import junit, surroundings
from kserve_conformance.results.record import Header, Record, Run
from kserve_conformance.results.results_file import ResultsError, Writer, read
from kserve_conformance.results.verdict import Verdict

from fixtures import torchserve
from matrix.environments import locking
from matrix.environments.locking import Lock
from matrix.planning import axes
from matrix.planning.cells import Cell
from matrix.planning.options import RunOptions
from matrix.planning.plan import Plan
from matrix.planning.subject import Subject
from matrix.running.instances import Instances
from matrix.running.statements import Statements
from matrix.running.timing import Moment

FILE_NAME = "results.jsonl"
JUNIT_NAME = "junit.xml"


class Recorder:
    """Writes a record for each check when its last phase has been reported."""

    def __init__(
        self,
        plan: Plan,
        options: RunOptions,
        subject: Subject,
        runtime: str,
        instances: Instances,
        locks: Mapping[str, Lock],
    ) -> None:
        self._plan = plan
        self._instances = instances
        self._pending: dict[str, dict[str, Any]] = {}
        self._started = time.monotonic()
        self._out = options.out
        header = _header(plan, subject, runtime, instances, locks)
        self._writer = Writer(options.out / FILE_NAME, header)
        self._statements = Statements(options.out, plan.cells)

    def take(self, cell: Cell, report: pytest.TestReport) -> list[Record]:
        """Take a phase's report; give the check's records once it is over."""
        judged = [
            self._write(cell, members)
            for members in self._statements.take(cell, report)
            if members["check"] in self._plan.checks[cell.id]
        ]
        return [*judged, *self._take_check(cell, report)]

    def _take_check(self, cell: Cell, report: pytest.TestReport) -> list[Record]:
        told = json.loads(getattr(report, "matrix_record", "null"))
        if told is not None:
            known = self._pending.get(report.nodeid)
            if known is not None:
                told["seconds"] += known["seconds"]
                if report.when == "teardown" and not _is_ruined(known, told):
                    told = {**known, "seconds": told["seconds"]}
            self._pending[report.nodeid] = told
        if report.when != "teardown":
            return []
        members = self._pending.pop(report.nodeid, None)
        # The check that judges statements is there for them, too, where it wasn't asked for.
        if members is None or members["check"] not in self._plan.checks[cell.id]:
            return []
        return [self._write(cell, members)]

    def crashed(self, cell: Cell, check: str, report: pytest.TestReport) -> Record:
        """Record a check whose worker process died under it."""
        self._pending.pop(report.nodeid, None)
        return self._write(
            cell,
            {
                "check": check,
                "verdict": Verdict.ERROR,
                "message": f"the process that ran the check died: {report.longreprtext}",
                "expected": None,
                "observed": None,
                "seconds": report.duration,
                "evidence": {},
                "moment": [time.time() - report.duration, time.time()],
            },
        )

    def finish(self) -> tuple[Run, str | None]:
        """Write the footer, the JUnit report and the table of differences.

        Returns:
            The whole run, and what to tell of the differences.
        """
        run = self._writer.finish(surroundings.now(), time.monotonic() - self._started)
        junit.write([run], self._out / JUNIT_NAME)
        return run, self._statements.finish()

    def _write(self, cell: Cell, members: Mapping[str, Any]) -> Record:
        expected = self._plan.expected_verdict(cell, members["check"])
        evidence = dict(members["evidence"])
        verdict = Verdict(members["verdict"])
        if verdict is not expected:
            moment = Moment(*members["moment"])
            log = self._instances.log_of(cell.torchserve, cell.envelope, moment)
            evidence |= {"torchserve_log": log} if log else {}
        record = Record(
            cell=cell.id,
            axes=cell.axes(),
            check=members["check"],
            verdict=verdict,
            expected_verdict=expected,
            message=members["message"],
            expected=members["expected"],
            observed=members["observed"],
            seconds=round(members["seconds"], 4),
            evidence=evidence,
            binding=self._plan.is_binding(cell, members["check"]),
            attempt=cell.attempt,
        )
        return self._writer.record(record)


def _is_ruined(known: Mapping[str, Any], teardown: Mapping[str, Any]) -> bool:
    """Tell whether a failing teardown takes away what a check seemed to have found."""
    sound = known["verdict"] in (Verdict.PASSED, Verdict.UNSUPPORTED)
    return sound and teardown["verdict"] != Verdict.PASSED


def past_run(options: RunOptions) -> str | None:
    """Tell of an earlier run in the same folder that was cut short, None where there is none."""
    path = options.out / FILE_NAME
    if not path.exists():
        return None
    try:
        past = read(path)
    except ResultsError as error:
        return f"the earlier results are replaced, and can't be read: {error}"
    return f"{path}: {past.sentence()}; it is replaced" if past.cut_short else None


def _header(
    plan: Plan,
    subject: Subject,
    runtime: str,
    instances: Instances,
    locks: Mapping[str, Lock],
) -> Header:
    releases = dict.fromkeys(cell.kserve for cell in plan.cells)
    return Header(
        run=uuid.uuid4().hex,
        started=surroundings.now(),
        machine=surroundings.machine(),
        commit=surroundings.commit(),
        runtime=runtime,
        torchserve=[
            {
                "release": release,
                "envelope": envelope,
                "identity": instances.identity(release, envelope),
            }
            for release, envelope in plan.instances()
        ],
        locks={release: _lock(release, locks) for release in releases},
        wrapper={
            "name": subject.name,
            "command": subject.command,
            "constructor": subject.constructor,
        },
        planned={cell.id: list(plan.checks[cell.id]) for cell in plan.cells},
        suite=VERSION,
        engine=torchserve.engine_version() if runtime == "container" else None,
        repeat=plan.repeat,
    )


def _lock(release: str, given: Mapping[str, Lock]) -> str | None:
    """Give the digest of the lock that a release's environment is made from."""
    if release in given:
        return given[release].digest
    try:
        return locking.find(axes.load().release(release)).digest
    except DataFileError:
        return None
