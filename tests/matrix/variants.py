"""Runs derived from real ones: more releases, hostile words, known failures."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.verdict import Verdict

from matrix.planning import axes
from matrix.planning.conditions import AnyOf
from matrix.planning.policy import Known, Requirement

# What tries to leave the element that it is written to, to hide, and to turn the text around.
HOSTILE = (
    "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 2'>"
    "<!-- ]]> {{ 7 * 7 }} \x00\x07\x1b[31m \u202egnirts\u2066 \u2028\ufeff"
    "\N{RAT} \ud800 \udfff"
)


def of_all_releases(run: Run) -> Run:
    """Give a run of the default profile the releases of the other profile, too.

    Each has what its nearest release came to, with its own name in all that was said.
    """
    every = list(axes.load().kserve)
    there = [release for release in every if release in run.header.locks]
    planned, records = dict(run.header.planned), list(run.records)
    for release in (each for each in every if each not in there):
        near = min(there, key=lambda each: abs(every.index(each) - every.index(release)))
        for cell, checks in run.header.planned.items():
            if cell.startswith(f"kserve{near}-"):
                planned[cell.replace(near, release, 1)] = checks
        records += [
            _moved(record, near, release) for record in run.records if record.axes["kserve"] == near
        ]
    return replace(run, header=replace(run.header, planned=planned), records=records, footer=None)


def of_few_checks(run: Run) -> Run:
    """Give the part of a run that is of the matrix's checks, and of each twentieth statement."""
    checks = dict.fromkeys(record.check for record in run.records)
    kept = {check for at, check in enumerate(checks) if check.islower() or at % 20 == 0}
    planned = {
        cell: tuple(check for check in checks if check in kept)
        for cell, checks in run.header.planned.items()
    }
    records = [record for record in run.records if record.check in kept]
    return replace(run, header=replace(run.header, planned=planned), records=records)


def with_one_protocol(run: Run, protocol: str) -> Run:
    """Give the part of a run that is of one PROTOCOL_VERSION, by its name."""
    records = [record for record in run.records if record.axes["protocol"] == protocol]
    cells = {record.cell for record in records}
    planned = {cell: checks for cell, checks in run.header.planned.items() if cell in cells}
    return replace(run, header=replace(run.header, planned=planned), records=records)


def hostile(run: Run) -> Run:
    """Give a run whose first record holds hostile words wherever words can be."""
    first, *others = run.records
    broken = replace(
        first,
        verdict=Verdict.FAILED,
        message=HOSTILE,
        expected=HOSTILE,
        observed={"answer": HOSTILE},
        evidence={
            "interpreter": HOSTILE,
            "exchanges": [{"request": HOSTILE, "response": HOSTILE}],
            "wrapper_log": HOSTILE,
            "torchserve_log": HOSTILE,
            "traceback": HOSTILE,
        },
    )
    wrapper = {**run.header.wrapper, "name": HOSTILE, "command": HOSTILE}
    return replace(
        run, header=replace(run.header, wrapper=wrapper, commit=HOSTILE), records=[broken, *others]
    )


def known(checks: tuple[str, ...], when: Mapping[str, Any], **members: Any) -> Known:
    """Give an entry of a policy, from 2026-11-01 to 2026-12-31."""
    dates = {"since": datetime.date(2026, 11, 1), "until": datetime.date(2026, 12, 31)}
    return Known(checks, AnyOf.parse(when), **{"reason": "a reason", **dates, **members})


def requirement(when: Mapping[str, Any]) -> Requirement:
    """Give a requirement that some cells pass, and nothing else."""
    return Requirement("some cells", AnyOf.parse(when), None, {}, {}, {})


def _moved(record: Record, near: str, release: str) -> Record:
    evidence = json.loads(json.dumps(record.evidence).replace(near, release))
    return replace(
        record,
        cell=record.cell.replace(near, release, 1),
        axes={**record.axes, "kserve": release},
        message=record.message.replace(near, release),
        evidence=evidence,
    )
