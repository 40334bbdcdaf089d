"""What a planned check came to: one definition, by which all reports count, list and filter."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable

from kserve_conformance.results.record import Record
from kserve_conformance.results.verdict import Verdict


class State(enum.StrEnum):
    """What a planned check came to, the worst first, each with a letter that stands for it."""

    letter: str
    meaning: str

    def __new__(cls, name: str, letter: str, meaning: str) -> State:
        """Make a state that is its name, with what is shown for it."""
        state = str.__new__(cls, name)
        state._value_ = name
        state.letter = letter
        state.meaning = meaning
        return state

    FAILED = "failed", "F", "not as expected"
    ERROR = "error", "E", "the harness failed"
    UNPROVISIONED = "unprovisioned", "U", "no environment could be made"
    MISSING = "missing", "-", "never ran"
    KNOWN = "known", "k", "a known failure"
    PASSED = "passed", "ok", "as expected"


# What nobody expects: neither the expectations, nor a list of the policy.
UNEXPECTED = frozenset({State.FAILED, State.ERROR, State.UNPROVISIONED, State.MISSING})


def of(record: Record) -> State:
    """Judge one record, known failures apart from those that nobody expects."""
    if not record.verdict.is_about_subject and not record.as_expected:
        return State[record.verdict.name]
    if record.as_expected and record.verdict is not Verdict.FAILED:
        return State.PASSED
    return State.FAILED if not record.as_expected and record.binding else State.KNOWN


def is_rightly_not_offered(record: Record) -> bool:
    """Tell whether the subject doesn't offer something, as is expected of it."""
    return record.verdict is Verdict.UNSUPPORTED and of(record) is State.PASSED


def known_as(record: Record) -> str:
    """Say as what a record is known; nothing where it isn't."""
    if of(record) is not State.KNOWN:
        return ""
    return "known failing" if record.as_expected else "known flaky"


def in_words(record: Record) -> str:
    """Say what a record came to: its verdict, unless a list of the policy knows better."""
    return known_as(record) or str(record.verdict)


def counts(records: Iterable[Record]) -> str:
    """Say how many records came to what."""
    counted = Counter(map(in_words, records))
    return ", ".join(f"{count} {words}" for words, count in sorted(counted.items())) or "nothing"
