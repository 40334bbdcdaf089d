"""What the check of one statement came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kserve_conformance.asking.transcript import Seen
from kserve_conformance.catalogue import Statement
from kserve_conformance.results.exhibit import Exhibit
from kserve_conformance.results.judgement import Judgement
from kserve_conformance.results.record import Evidence
from kserve_conformance.results.verdict import Verdict


@dataclass(frozen=True)
class Outcome:
    """What a check came to, with the error that it ended with where that is the suite's own."""

    statement: Statement
    judgement: Judgement
    exhibit: Exhibit
    seconds: float
    seen: Sequence[Seen] = ()
    error: BaseException | None = field(default=None, compare=False)

    @property
    def is_finding(self) -> bool:
        """Tell whether there is something to explain: a departure, or a fault of the suite."""
        return self.judgement.verdict in (Verdict.FAILED, Verdict.ERROR)

    @property
    def evidence(self) -> Evidence:
        """Give what its record keeps of what was said: nothing where thousands of checks pass."""
        if self.judgement.verdict is Verdict.PASSED or not self.exhibit.told:
            return {}
        return {"exchanges": self.exhibit.exchanges}
