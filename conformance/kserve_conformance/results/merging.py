"""Joins the parts of one run, each made on a machine of its own, into the run that they are of."""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from kserve_conformance.errors import NotKnown, WrongUsage
from kserve_conformance.results.record import Footer, Header, Record, Run
from kserve_conformance.results.results_file import Given

T = TypeVar("T")

# So many disagreements are told of; they have one cause, most often.
_MOST_TOLD = 10


class MergeError(WrongUsage):
    """Files that aren't parts of one run. Its text names them and what tells them apart."""


class Disagreement(NotKnown):
    """Parts of one run that answer the same question differently. Names where each does."""


@dataclass(frozen=True)
class Merged:
    """What came of joining.

    Attributes:
        run: it has a footer where each part has one and none is absent.
        doubled: how many records were in several parts, with the same verdict.
    """

    run: Run
    doubled: int


def merge(parts: Sequence[Given], planned_parts: int | None = None) -> Merged:
    """Join the parts of one run, in any order, but for cells of a release that several have.

    Args:
        planned_parts: how many there were to be, where it is known. Where some are absent, the
            run is one that was cut short, whatever those that are there say.

    Raises:
        MergeError: when they aren't of one run, or are more than were planned.
        Disagreement: when one check has two verdicts: which is right can't be told from here.
    """
    _refuse_strangers(parts)
    shards = _shards(parts)
    if planned_parts is not None and len(shards) > planned_parts:
        raise MergeError(f"{planned_parts} parts were planned, and {len(shards)} are given")
    planned = _planned(parts)
    records = _records(parts, list(planned))
    first = parts[0].run.header
    header = replace(
        first,
        run=uuid.uuid5(uuid.NAMESPACE_OID, " ".join(sorted(shard["run"] for shard in shards))).hex,
        started=min((part.run.header.started for part in parts), key=_time),
        machine=_joined([shard["machine"] for shard in shards]),
        torchserve=_distinct(each for part in parts for each in part.run.header.torchserve),
        locks=_locks(parts),
        planned=planned,
        start=_start(part.run.header.start for part in parts),
        pod_paths=_everywhere(part.run.header.pod_paths for part in parts),
        engine=_joined([shard["engine"] for shard in shards if shard["engine"]]) or None,
        shards=shards,
    )
    all_there = planned_parts is None or len(shards) == planned_parts
    run = Run(header, records, None)
    footers = [part.run.footer for part in parts if part.run.footer is not None]
    if all_there and len(footers) == len(parts):
        run = replace(run, footer=_footer(run, footers))
    return Merged(run, sum(len(part.run.records) for part in parts) - len(records))


def _refuse_strangers(parts: Sequence[Given]) -> None:
    first, *others = parts
    for other in others:
        ours, theirs = _identity(first.run.header), _identity(other.run.header)
        differing = [
            f"{name} is {ours[name]} in {first.path} and {theirs[name]} in {other.path}"
            for name in ours
            if ours[name] != theirs[name]
        ]
        if differing:
            raise MergeError("these are not parts of one run: " + "; ".join(differing))


def _identity(header: Header) -> dict[str, str]:
    """Give what is the same in all parts of a run, by what it is called in a sentence."""
    told = {
        "the wrapper's name": header.wrapper["name"],
        "the wrapper's command": header.started_as,
        "the wrapper's constructor": header.wrapper["constructor"],
        "the wrapper's requirements": ", ".join(header.requirements) or None,
        "the runtime": header.runtime,
        "the conformance suite": header.suite,
        "the harness's commit": header.commit,
        "the number of attempts": header.repeat,
    }
    return {name: "unknown" if value is None else str(value) for name, value in told.items()}


def _start(starts: Iterable[str | None]) -> str | None:
    """Give how the wrappers of all parts were started; a part of few cells forks none."""
    there = set(starts)
    return "forked" if "forked" in there else there.pop() if len(there) == 1 else None


def _everywhere(there: Iterable[bool | None]) -> bool | None:
    """Tell whether all parts had something; None where one doesn't say."""
    found = set(there)
    return False if False in found else None if None in found else True


def _shards(parts: Sequence[Given]) -> list[Mapping[str, Any]]:
    """List the runs that the parts are, or were joined of themselves, the earliest first."""
    shards = _distinct(shard for part in parts for shard in _shards_of(part.run.header))
    return sorted(shards, key=lambda shard: (_time(shard["started"]), shard["run"]))


def _shards_of(header: Header) -> Sequence[Mapping[str, Any]]:
    names = ("run", "started", "machine", "engine")
    return header.shards or [{name: getattr(header, name) for name in names}]


def _planned(parts: Sequence[Given]) -> dict[str, list[str]]:
    planned: dict[str, list[str]] = {}
    for part in parts:
        for cell, checks in part.run.header.planned.items():
            planned[cell] = _distinct([*planned.get(cell, []), *checks])
    # Stable: within a release the cells stay in the order that they were planned in.
    return dict(sorted(planned.items(), key=lambda item: _release(item[0])))


def _release(cell: str) -> list[int]:
    """Give the numbers of a cell's first axis, so that kserve0.9.0 goes before kserve0.10.2."""
    return [int(number) for number in re.findall(r"\d+", cell.partition("-")[0])]


def _locks(parts: Sequence[Given]) -> dict[str, str | None]:
    found: dict[str, tuple[str | None, Path]] = {}
    for part in parts:
        for release, digest in part.run.header.locks.items():
            known, path = found.setdefault(release, (digest, part.path))
            if known != digest:
                raise MergeError(
                    f"these are not parts of one run: the lock of {release} is {known or 'absent'} "
                    f"in {path} and {digest or 'absent'} in {part.path}"
                )
    return {release: found[release][0] for release in sorted(found, key=_release)}


def _records(parts: Sequence[Given], cells: Sequence[str]) -> list[Record]:
    taken: dict[tuple[object, ...], tuple[Record, str]] = {}
    disagreements = []
    for part in parts:
        # The header is line 1, and each line after it a record.
        for line, record in enumerate(part.run.records, start=2):
            place = f"{part.path}, line {line}"
            known, where = taken.setdefault((*record.key, record.attempt), (record, place))
            if _judged(known) != _judged(record):
                disagreements.append(
                    f"{record.check} in {record.cell}, attempt {record.attempt}: "
                    f"{_told(known)} in {where} and {_told(record)} in {place}"
                )
    if disagreements:
        told = disagreements[:_MOST_TOLD]
        if len(disagreements) > _MOST_TOLD:
            told.append(f"... and {len(disagreements) - _MOST_TOLD} more")
        sentence = "the parts disagree, and which is right can't be told:\n  "
        raise Disagreement(sentence + "\n  ".join(told))
    places = {cell: place for place, cell in enumerate(cells)}
    records = [record for record, _ in taken.values()]
    # A record of what wasn't planned goes last: who judges the run sees it, too.
    return sorted(records, key=lambda record: places.get(record.cell, len(places)))


def _judged(record: Record) -> tuple[object, ...]:
    return record.verdict, record.expected_verdict, record.binding


def _told(record: Record) -> str:
    binding = "" if record.binding else ", not binding"
    if record.as_expected:
        return f"{record.verdict} as expected{binding}"
    return f"{record.verdict} where {record.expected_verdict} is expected{binding}"


def _footer(run: Run, footers: Sequence[Footer]) -> Footer:
    ended = max((footer.ended for footer in footers), key=_time)
    # As of any run, from its start to its end: the parts ran side by side, most often.
    elapsed = _time(ended) - _time(run.header.started)
    return run.ending(ended, max(0.0, elapsed.total_seconds()))


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def _joined(descriptions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Describe several machines or engines at once: what differs is listed with commas."""
    joined: dict[str, Any] = {}
    for name in _distinct(name for each in descriptions for name in each):
        values = _distinct(each[name] for each in descriptions if name in each)
        joined[name] = values[0] if len(values) == 1 else ", ".join(str(each) for each in values)
    return joined


def _distinct(values: Iterable[T]) -> list[T]:
    # Not all that is compared is hashable, and there are few of them.
    found: list[T] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found
