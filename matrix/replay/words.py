"""What `replay` says: each check then and now, and the request that failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kserve_conformance.asking.grpc_client import PROTOSET
from kserve_conformance.expect import shortened
from kserve_conformance.results.record import Record

from matrix.replay.conditions import Conditions
from matrix.replay.replaying import PastCell, Replayed, Sameness
from matrix.results import last_exchange, steady_text
from matrix.results.last_exchange import Address

_SAME = (Sameness.REPRODUCED, Sameness.OTHER_WORDS)
_PROTOSET_HINT = f"grpcurl needs the service described: kserve-conformance protoset ({PROTOSET})"
_KEEP_HINT = "nothing answers at these addresses any more: --keep leaves the wrapper running"


def refusal(past: PastCell, found: Conditions) -> str:
    """Say why a cell isn't run again."""
    told = "".join(f"\n  {sentence}" for sentence in found.differences)
    return (
        f"{past.id} can't be run here on what the results stand on; --anyway runs it on what "
        f"there is:{told}"
    )


def comparisons(replayed: Sequence[Replayed], address: Address | None) -> Iterator[str]:
    """Tell each check then and now; below one that failed, its request as a line for a shell.

    Args:
        address: of a wrapper that the lines shall go to; None where none runs any more.
    """
    hints: set[str] = set()
    for each in replayed:
        yield f"{each.check}: {each.sameness}"
        yield f"  then: {_outcome(each.then)}"
        yield f"  now:  {_outcome(each.now)}"
        line = _line(each)
        if line is None:
            continue
        yield f"  {last_exchange.readdressed(line, address) if address else line}"
        for sentence in last_exchange.lacks(line):
            yield f"  (this line can't be sent as it is: {sentence})"
        hints |= {_PROTOSET_HINT} if last_exchange.needs_protoset(line) else set()
        hints |= {_KEEP_HINT} if address is None else set()
    yield from sorted(hints)
    same = sum(each.sameness in _SAME for each in replayed)
    yield f"{same} of {len(replayed)} checks came to the same as then"


def _line(comparison: Replayed) -> str | None:
    """Give the failing request of now, or of then where it doesn't fail now."""
    sides = (comparison.now, comparison.then)
    failed = (record for record in sides if record is not None and not record.as_expected)
    return next(filter(None, map(last_exchange.of, failed)), None)


def _outcome(record: Record | None) -> str:
    if record is None:
        return "not made"
    expected = "" if record.as_expected else f" (expected: {record.expected_verdict})"
    words = f": {steady_text.short_cause(record)}" if record.message else ""
    answer = None if record.as_expected else last_exchange.answer_of(record)
    answered = f"; answered: {shortened(answer, 200)}" if answer else ""
    return f"{record.verdict}{expected}{words}{answered}"
