"""What `bisect` says: where it looks, what it saw, the answer and the evidence for it."""

from __future__ import annotations

from collections.abc import Iterator

from kserve_conformance.results.record import Record

from matrix.bisect.bisection import Agreed, Answer, Flaky, Found, Seen, in_words, one_line
from matrix.bisect.causes import Cause
from matrix.bisect.task import Task
from matrix.planning.axis_table import BY_NAME
from matrix.planning.counted import many
from matrix.results import last_exchange, steady_text

_LONGEST = 600


def beginning(task: Task) -> str:
    """Say what is looked for, and where."""
    cells = list(task.cells.values())
    first, last = cells[0], cells[-1]
    where, title = f"{first.id} ({first.runtime}) to {last.id}", BY_NAME[task.axis].title
    return f"{task.check} in {where}: {len(cells)} releases of {title}"


def look(seen: Seen, seconds: float, left: int) -> str:
    """Say what was seen of a release."""
    if len(seen.attempts.records) > 1:
        return f"{seen.release} again: {seen.often()}; {seconds:.0f} s"
    return f"{seen.release}: {in_words(seen.first)}, {seconds:.0f} s; {many(left, 'release')} left"


def answer(task: Task, found: Answer, cause: Cause | None) -> Iterator[str]:
    """Give the answer on one line, then the evidence for it."""
    title, check = BY_NAME[task.axis].title, task.check
    if isinstance(found, Agreed):
        yield _agreed(title, check, found)
        seen = [found.good, found.bad]
    elif isinstance(found, Flaky):
        yield f"{check} is flaky on {title} {found.seen.release}: {found.seen.often()}"
        seen = [found.seen]
    else:
        yield _changed(title, check, found) + (f"; cause: {cause.kind}" if cause else "")
        seen = [found.before, found.after]
    for each in seen:
        yield f"{title} {each.release}, {many(len(each.attempts.records), 'attempt')}:"
        yield from _lines(each.first)
    if cause:
        on = f" (Python {cause.python})" if cause.python else ""
        yield from (f"{each}{on}" for each in cause.looks)


def _changed(title: str, check: str, found: Found) -> str:
    before, after = found.before.release, found.after.release
    ends = f"{before} {in_words(found.before.first)}; {after} {in_words(found.after.first)}"
    if found.skipped:
        names = ", ".join(seen.release for seen in found.skipped)
        return (
            f"{check} changes after {title} {before} and no later than in {after}, where {names} "
            f"could not be judged: {ends}"
        )
    return f"{check} changes first in {title} {after}: {ends}"


def _agreed(title: str, check: str, found: Agreed) -> str:
    between = many(len(found.between), "release")
    island = f"; {between} between them may differ, and nobody looked" if found.between else ""
    return (
        f"{check} is the same on {title} {found.good.release} and {found.bad.release}: "
        f"{in_words(found.good.first)}{island}"
    )


def _lines(record: Record) -> Iterator[str]:
    yield f"  verdict: {record.verdict}"
    exchanges = record.evidence.get("exchanges", ())
    told = {
        "message": steady_text.cause(record.message),
        "request": exchanges[-1]["request"] if exchanges else "",
        "answer": last_exchange.answer_of(record) or "",
    }
    for name, text in told.items():
        if text:
            yield f"  {name}: {one_line(text, _LONGEST)}"
