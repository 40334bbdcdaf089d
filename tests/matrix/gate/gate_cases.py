"""Variants of real results and policies for the tests of the gate."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from kserve_conformance.results.record import Header, Record, Run
from kserve_conformance.results.results_file import Given
from kserve_conformance.results.verdict import Verdict

from matrix.gate import deciding
from matrix.gate.deciding import Decision
from matrix.gate.reasons import Rule
from matrix.planning import axes, expectations, policy
from matrix.planning.conditions import AnyOf
from matrix.planning.policy import Known, Policy, Requirement

TODAY = datetime.date(2026, 11, 29)
RELEASES = ("0.9.0", "0.13.1")
ANY = AnyOf.parse({})
FEW = Requirement("two releases", ANY, None, {}, {}, {})
CELL = "kserve0.9.0-v1-kserve-torchserve0.12.0"


@cache
def lenient() -> Policy:
    """Give our policy for results of two releases."""
    return dataclasses.replace(policy.load(), requirements=(FEW,))


def of_two_releases(run: Run) -> Run:
    """Give the part of the default run that is of `RELEASES`, as if of a clean commit."""
    cells = tuple(f"kserve{release}-" for release in RELEASES)
    planned = run.header.planned.items()
    return dataclasses.replace(
        run,
        header=dataclasses.replace(
            run.header,
            commit="0" * 40,
            planned={cell: checks for cell, checks in planned if cell.startswith(cells)},
        ),
        records=[record for record in run.records if record.cell.startswith(cells)],
    )


def given(*runs: Run) -> list[Given]:
    """Give runs as results files that are nowhere."""
    return [Given(Path("results", str(at), "results.jsonl"), run) for at, run in enumerate(runs)]


def decide(
    wanted: Policy, *runs: Run, today: datetime.date = TODAY, checked_out: str | None = None
) -> Decision:
    """Judge runs."""
    known = expectations.load(), axes.load()
    return deciding.decide(given(*runs), wanted, *known, today, checked_out)


def changed(run: Run, change: Callable[[Record], Record | None]) -> Run:
    """Give a run whose records were changed, or left out where the change gives None."""
    records = [made for record in run.records if (made := change(record)) is not None]
    return dataclasses.replace(run, records=records)


def with_verdict(run: Run, check: str, verdict: Verdict, cells: str = "") -> Run:
    """Give a run in which a check came to a verdict, in the cells whose ids begin so."""

    def change(record: Record) -> Record:
        if record.check == check and record.cell.startswith(cells):
            return dataclasses.replace(record, verdict=verdict, message="of this test")
        return record

    return changed(run, change)


def with_header(run: Run, **members: object) -> Run:
    """Give a run with other members of its header."""
    header: Header = dataclasses.replace(run.header, **members)  # type: ignore[arg-type]
    return dataclasses.replace(run, header=header)


def repeated(run: Run, check: str, failing: Iterable[int], attempts: int) -> Run:
    """Give a run of some attempts, of which those at one check fail that are named."""
    bad = set(failing)

    def attempt(record: Record, number: int) -> Record:
        fails = record.check == check and number in bad
        verdict = Verdict.FAILED if fails else record.verdict
        return dataclasses.replace(record, attempt=number, verdict=verdict)

    records = [attempt(record, at) for record in run.records for at in range(1, attempts + 1)]
    return dataclasses.replace(with_header(run, repeat=attempts), records=records)


def one_cell(run: Run) -> Run:
    """Give the part of a run that is of `CELL`."""
    kept = dataclasses.replace(
        run, records=[record for record in run.records if record.cell == CELL]
    )
    return with_header(kept, planned={CELL: run.header.planned[CELL]})


def known(*checks: str, least: float | None = None, kserve: str = "<0.10") -> Known:
    """Give an entry of a list, for the older release only unless it says otherwise."""
    return Known(
        checks=checks,
        when=AnyOf.parse({"kserve": kserve}),
        reason="for this test",
        since=TODAY,
        until=TODAY,
        issue="https://example.org/1",
        least_pass_rate=least,
    )


def failing(wanted: Policy, *entries: Known) -> Policy:
    """Give a policy with these known failures."""
    return dataclasses.replace(wanted, known_failing=entries)


def flaky(wanted: Policy, *entries: Known) -> Policy:
    """Give a policy with these known flakes."""
    return dataclasses.replace(wanted, known_flaky=entries)


def rules(decision: Decision) -> list[Rule]:
    """List the rules of a decision's reasons, in their order."""
    return [reason.rule for reason in decision.reasons]


def with_evidence(wanted: Policy, **members: object) -> Policy:
    """Give a policy with other rules of evidence."""
    evidence = dataclasses.replace(wanted.evidence, **members)  # type: ignore[arg-type]
    return dataclasses.replace(wanted, evidence=evidence)
