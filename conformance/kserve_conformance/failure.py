"""What a person sees of a departure: the request, the answer, the text, and the usual cause."""

from __future__ import annotations

from kserve_conformance.outcome import Outcome
from kserve_conformance.text.redaction import without_secrets


def explained(outcome: Outcome) -> str:
    """Say how a server departs from a statement, and how to see it again; without secrets."""
    statement = outcome.statement
    source = statement.source
    told = f"{statement.id} ({statement.level}, profile {statement.profile})"
    lines = [
        f"{told}: {statement.family.departure}",
        f"  says      {statement.sentence}",
        f"  source    {source}" + (f" <{source.address}>" if source.address else ""),
        f"  found     {_indented(outcome.judgement.message)}",
    ]
    if outcome.exhibit.told:
        # The last answer is the one that was judged when the check ended.
        last = outcome.exhibit.exchanges[-1]
        lines += [
            f"  request   {_indented(last['request'])}",
            f"  answer    {_indented(last['response'])}",
        ]
    lines.append(f"  usually   {statement.usual_cause}")
    # A log of CI is published, as results are.
    return without_secrets("\n".join(lines))


def _indented(text: str) -> str:
    return text.strip().replace("\n", "\n            ")
