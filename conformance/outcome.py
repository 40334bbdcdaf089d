"""What the check of one statement came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from conformance.asking.transcript import Seen
from conformance.catalogue import Statement
from conformance.outcomes.exhibit import Exhibit
from conformance.outcomes.judgement import Judgement


@dataclass(frozen=True)
class Outcome:
    """What a check came to, with the error that it ended with where that is the suite's own."""

    statement: Statement
    judgement: Judgement
    exhibit: Exhibit
    seconds: float
    seen: Sequence[Seen] = ()
    error: BaseException | None = field(default=None, compare=False)
