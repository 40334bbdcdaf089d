"""What a client could tell one server from another by, even where no statement forbids it.

Transcripts are held against each other request by request. A difference is a request whose
answers have another status, other headers or another form on some of the servers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kserve_conformance.asking.transcript import Seen
from kserve_conformance.expect import shortened
from kserve_conformance.text import gfm


@dataclass(frozen=True)
class Variant:
    """One of the ways in which a request was answered, and by which servers."""

    status: str
    headers: str
    form: str
    servers: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """A request that isn't answered alike by all servers."""

    check: str
    number: int
    asked: str
    variants: tuple[Variant, ...]


def between(transcripts: Mapping[str, Sequence[Seen]]) -> list[Difference]:
    """List what servers differ in; transcripts are by the name of the server."""
    answers: dict[tuple[str, int], dict[str, Seen]] = {}
    for name, seen in transcripts.items():
        for each in seen:
            answers.setdefault((each.check, each.number), {})[name] = each
    # A server that was never judged by a check says nothing of it.
    judged = {name: {each.check for each in seen} for name, seen in transcripts.items()}
    found = []
    for (check, number), by_server in answers.items():
        variants: dict[tuple[str, str, str], list[str]] = {}
        for name in (name for name in transcripts if check in judged[name]):
            answer = by_server.get(name)
            told = (answer.status, answer.headers, answer.form) if answer else ("not asked", "", "")
            variants.setdefault(told, []).append(name)
        if len(variants) > 1:
            asked = next(iter(by_server.values())).asked
            listed = tuple(Variant(*told, tuple(names)) for told, names in variants.items())
            found.append(Difference(check, number, asked, listed))
    return found


def page(groups: Mapping[str, Mapping[str, Sequence[Seen]]], axis: str) -> str:
    """Write the differences of several groups of servers as Markdown.

    Args:
        groups: by what they have in common, transcripts by server; compared within a group only.
        axis: what tells the servers of a group apart.
    """
    lines = [f"# What a client could tell one {axis} from another by", ""]
    for name, transcripts in groups.items():
        found = between(transcripts)
        requests = {(each.check, each.number) for seen in transcripts.values() for each in seen}
        told = f"{len(requests)} requests on {', '.join(transcripts)}"
        lines += [f"## {name}", "", f"{told}: {len(found)} answered differently.", ""]
        if found:
            head = ("request", "asked", gfm.text(axis), "status", "headers", "form")
            lines += gfm.table(head, (row for each in found for row in _rows(each)))
            lines.append("")
    return "\n".join(lines)


def _rows(difference: Difference) -> list[tuple[str, ...]]:
    first = f"{difference.check} {difference.number}", gfm.code(difference.asked)
    # What servers answer is theirs to word, and no Markdown.
    return [
        (
            *(first if index == 0 else ("", "")),
            gfm.text(", ".join(variant.servers)),
            gfm.text(variant.status),
            gfm.code(variant.headers),
            gfm.code(shortened(variant.form, 300)),
        )
        for index, variant in enumerate(difference.variants)
    ]
