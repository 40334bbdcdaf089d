"""What a person sees first of a run: what the server may claim, why not more, and what to do.

It is at most `LONGEST` lines. All that it leaves out is in the files of the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from pathlib import Path

from kserve_conformance.catalogue import Level
from kserve_conformance.outcome import Outcome
from kserve_conformance.results import claim
from kserve_conformance.results.claim import ProfileClaim, Standing
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.run_folder import CLAIM, DEPARTURES
from kserve_conformance.text import messages
from kserve_conformance.text.redaction import without_secrets

LONGEST = 25
CAUSES = 3
_LONGEST_REASON = 160
_LEVELS = (Level.MUST, Level.EXTENSION, Level.SHOULD)


def lines(outcomes: Sequence[Outcome], claims: Sequence[ProfileClaim], out: Path) -> list[str]:
    """Sum up a run: the claims, what is departed from, the first causes of that, what to do.

    Args:
        claims: none where some of the checks were left out: then there is nothing to sum up but
            their number.
        out: the folder of the run's files.
    """
    counts = Counter(str(each.judgement.verdict) for each in outcomes)
    counted = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    parts = [
        [
            *(without_secrets(each.told) for each in claims),
            *claim.by_family(claims),
            *_unchecked(outcomes, {each.profile for each in claims if each.absent}),
            f"{len(outcomes)} checks: {counted}",
        ]
    ]
    if claims:
        parts += [_causes(outcomes), [_next(outcomes, claims), _files(outcomes, out)]]
    parts = [each for each in parts if each]
    told = [line for part in parts for line in part]
    if len(told) + len(parts) - 1 > LONGEST:
        return told
    return [line for part in parts for line in (*part, "")][:-1]


def _unchecked(outcomes: Sequence[Outcome], absent: Set[str]) -> list[str]:
    """Say why MUSTs weren't checked, but of profiles of which it is told that they aren't there."""
    reasons = Counter(
        each.judgement.message
        for each in outcomes
        if each.judgement.verdict is Verdict.UNSUPPORTED
        and each.statement.level is Level.MUST
        and each.statement.profile not in absent
    )
    if not reasons:
        return []
    (reason, count), *others = reasons.most_common()
    more = sum(count for _, count in others)
    told = f"{count} MUST not checked: {_short(reason)}"
    return [f"{told}; and {more} for other reasons" if more else told]


def _causes(outcomes: Sequence[Outcome]) -> list[str]:
    """Tell the causes that weigh most, each by the first of the departures that it is behind."""
    # By what usually is behind the first of them, and by what was found there.
    causes: dict[tuple[str, str], list[Outcome]] = {}
    for each in sorted(outcomes, key=_weight):
        if each.judgement.verdict is Verdict.FAILED:
            usual, found = each.statement.usual_cause, _short(each.judgement.message)
            known = next(
                (alike for alike in causes if usual == alike[0] or found == alike[1]), None
            )
            causes.setdefault(known or (usual, found), []).append(each)
    told = []
    for (usual, found), (first, *others) in [*causes.items()][:CAUSES]:
        statement = first.statement
        more = f" and {len(others)} more" if others else ""
        told += [
            f"{statement.id}{more} ({statement.level}): {statement.sentence}",
            f"    found    {found}",
            f"    usually  {usual}",
        ]
    return told


def _weight(outcome: Outcome) -> tuple[bool, int]:
    statement = outcome.statement
    return not statement.decides, _LEVELS.index(statement.level)


def _next(outcomes: Sequence[Outcome], claims: Sequence[ProfileClaim]) -> str:
    failed = [each for each in outcomes if each.judgement.verdict is Verdict.FAILED]
    standings = {each.standing for each in claims}
    if Verdict.ERROR in {each.judgement.verdict for each in outcomes}:
        return "next: the suite itself failed; report it with what -v shows, and run it again"
    if any(each.statement.decides for each in failed):
        first = min(failed, key=_weight).statement.id
        return f"next: mend the first; the same command with --check {first} shows it in full"
    if Standing.PARTIAL in standings:
        return "next: give what a check lacks (--not-ready-model, --payloads), and run again"
    if failed:
        return "next: publish the claim, which tells these beside what it claims"
    return "next: publish the claim"


def _files(outcomes: Sequence[Outcome], out: Path) -> str:
    count = sum(each.is_finding for each in outcomes)
    claimed = f"the claim: {out / CLAIM}"
    return (
        f"all {count}, with requests and answers: {out / DEPARTURES}; {claimed}"
        if count
        else claimed
    )


def _short(reason: str) -> str:
    # Before it is cut: half of a secret isn't found.
    return messages.cause(without_secrets(reason), _LONGEST_REASON)
