"""What `bisect` says: where it looks, what it saw, the answer and the evidence for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matrix.bisect.bisection import Agreed, Answer, Flaky, Found, Outcome, Seen
from matrix.bisect.causes import Cause
from matrix.planning.cells import Cell
from matrix.results import last_exchange

_LONGEST = 600


def beginning(title: str, check: str, cells: Sequence[Cell]) -> str:
    """Say what is looked for, and where."""
    first, last = cells[0], cells[-1]
    return f"{check} in {first.id} ({first.runtime}) to {last.id}: {len(cells)} releases of {title}"


def look(seen: Seen, seconds: float, left: int) -> str:
    """Say what was seen of a release."""
    if len(seen.outcomes) > 1:
        return f"{seen.release} again: {seen.often()}; {seconds:.0f} s"
    return f"{seen.release}: {seen.first}, {seconds:.0f} s; {_releases(left)} left"


def answer(title: str, check: str, found: Answer, cause: Cause | None) -> Iterator[str]:
    """Give the answer on one line, then the evidence for it."""
    if isinstance(found, Agreed):
        yield _agreed(title, check, found)
        yield from _evidence(title, found.good, found.bad)
    elif isinstance(found, Flaky):
        seen = found.seen
        yield f"{check} is flaky on {title} {seen.release}: {seen.often()}"
        yield from _evidence(title, seen)
    else:
        why = f"; cause: {cause.kind}" if cause else ""
        yield f"{_changed(title, check, found)}{why}"
        yield from _evidence(title, found.before, found.after)
        if cause:
            on = f" (Python {cause.python})" if cause.python else ""
            yield from (f"{each}{on}" for each in cause.looks)


def _changed(title: str, check: str, found: Found) -> str:
    before, after = found.before, found.after
    ends = f"{before.release} {before.first}; {after.release} {after.first}"
    if found.skipped:
        names = ", ".join(seen.release for seen in found.skipped)
        return (
            f"{check} changes after {title} {before.release} and no later than in "
            f"{after.release}, where {names} could not be judged: {ends}"
        )
    return f"{check} changes first in {title} {after.release}: {ends}"


def _agreed(title: str, check: str, found: Agreed) -> str:
    number = len(found.between)
    island = f"; {_releases(number)} between them may differ, and nobody looked" if number else ""
    return (
        f"{check} is the same on {title} {found.good.release} and {found.bad.release}: "
        f"{found.good.first}{island}"
    )


def _evidence(title: str, *seen: Seen) -> Iterator[str]:
    for each in seen:
        number = len(each.outcomes)
        yield f"{title} {each.release}, {number} {'attempt' if number == 1 else 'attempts'}:"
        yield from _lines(each.first)


def _lines(outcome: Outcome) -> Iterator[str]:
    record = outcome.record
    yield f"  verdict: {record.verdict}"
    exchanges = record.evidence.get("exchanges", ())
    told = {
        "message": outcome.reason,
        "request": exchanges[-1]["request"] if exchanges else "",
        "answer": last_exchange.answer_of(record) or "",
    }
    for name, text in told.items():
        if text:
            yield f"  {name}: {_shown(text)}"


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _releases(number: int) -> str:
    return f"{number} {'release' if number == 1 else 'releases'}"
