"""Makes a check again that TorchServe's silence disturbed, and keeps what it came to before.

On a busy machine TorchServe may not answer for a second or more. A wrapper is right that calls its
models not ready meanwhile, and refuses what is asked of them; but checks that aren't about that
say nothing of it then. So they are made again while no others run, by a wrapper started anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pytest

# Not of the public API: a hook that makes a test again would report it twice.
from _pytest.runner import runtestprotocol

from matrix.running import spans
from matrix.running.observation import Observation, Phase
from matrix.running.worker import Stage

# How our wrapper logs it; a check whose wrapper doesn't is judged as it is.
_SILENCE = re.compile(r"is not ready: (TorchServe.* doesn't answer.*)")


def silence(log: str) -> str | None:
    """Give what a wrapper's log says of a TorchServe that didn't answer, None where it did."""
    found = _SILENCE.search(log)
    return found[1] if found else None


class Repeats:
    """Makes checks, and those again that were disturbed."""

    def __init__(self) -> None:
        self._in_vain: set[str] = set()

    def reports(
        self, item: pytest.Item, nextitem: pytest.Item | None, visit: str, stage: Stage
    ) -> Sequence[pytest.TestReport]:
        """Make a check of a cell; give the reports of its phases, each with what it came to.

        Where it was made again, they are those of the second time. That is done no more in a visit
        in which TorchServe was silent then, too: it may hang, and each start would wait for it.
        """
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        beside = disturbed(map(Phase.of, reports))
        if not beside or visit in self._in_vain:
            return reports
        for report in reports:
            # The account of the run is to have it, though its report isn't told.
            spans.give_back(Phase.of(report).time)
        with stage.quiet.alone():
            stage.close()
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
        phases = [Phase.of(report) for report in reports]
        if disturbed(phases):
            self._in_vain.add(visit)
        for phase, report in zip(phases, reports, strict=True):
            with_both(phase, beside).attach(report)
        return reports


def disturbed(phases: Iterable[Phase]) -> Mapping[str, Mapping[str, str]]:
    """Tell of each check that came out wrong what it was, if TorchServe was silent in one of them.

    Returns:
        By the check's id, what `with_both` puts into its record. Empty where nothing was disturbed.
    """
    made = [each for phase in phases for each in (phase.check, *phase.statements)]
    wrong = [each.record for each in made if each.record.is_wrong]
    silent = (silence(record.evidence.get("wrapper_log", "")) for record in wrong)
    why = next(filter(None, silent), None)
    if why is None:
        return {}
    return {record.check: {"beside": record.message, "meanwhile": why} for record in wrong}


def with_both(phase: Phase, beside: Mapping[str, Mapping[str, str]]) -> Phase:
    """Put what checks came to at first into the records of those that are as expected now."""

    def told(made: Observation) -> Observation:
        record = made.record
        if record.check not in beside or not record.as_expected:
            return made
        expected = str(record.expected_verdict)
        both = {**beside[record.check], "alone": str(record.verdict)}
        return replace(made, record=replace(record, expected=expected, observed=both))

    statements = tuple(map(told, phase.statements))
    return replace(phase, check=told(phase.check), statements=statements)
