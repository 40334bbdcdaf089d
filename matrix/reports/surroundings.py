"""Where, when and of what runs were made, told the same in all reports."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable

from kserve_conformance.results.record import Header, Run

_SHORT = 12
_DIRTY = "-dirty"
_MACHINE = "{system}, {architecture}, {cpus} processors, Python {python}"


def of(header: Header, digits: int | None = None) -> dict[str, list[str]]:
    """Give what is told of a run, by its name as lines; what a run lacks isn't told.

    Args:
        digits: how many of a lock's digest are told; all by default.
    """
    engine = header.engine
    images: dict[str, list[str]] = defaultdict(list)
    for each in header.torchserve:
        images[f"TorchServe {each['release']}: {each['identity'] or 'did not start'}"].append(
            each["envelope"]
        )
    told = {
        "wrapper": [header.wrapper["command"] or ""],
        "image under test": [_image(header)],
        "constructor": [header.wrapper["constructor"] or ""],
        "requirements": list(header.requirements),
        "started": [header.started],
        "commit": [header.commit or "unknown"],
        "conformance suite": [header.suite or "not part of the run"],
        "machine": [_MACHINE.format_map(header.machine)],
        "engine": [f"{engine['name']} {engine['version']}" if engine else "none"],
        "images" if header.runtime == "container" else "TorchServe": [
            f"{identity} ({', '.join(envelopes)})" for identity, envelopes in images.items()
        ],
        "locks": [
            f"KServe {release}: {digest[:digits] if digest else 'none'}"
            for release, digest in header.locks.items()
        ],
        "starts": [header.start] if header.start else [],
        # Where all is as in a pod there is nothing to tell.
        "paths of a pod": ["none: configuration only where CONFIG_PATH says"]
        if header.pod_paths is False
        else [],
        "attempts": [f"{header.repeat} at each check"] if header.repeat > 1 else [],
        "joined of": [f"{shard['run']}, started {shard['started']}" for shard in header.shards],
    }
    return {name: lines for name, lines in told.items() if any(lines)}


def _image(header: Header) -> str:
    found = header.wrapper
    if "image" not in found:
        return ""
    return (
        f"{found['image']} ({found['digest']}), with KServe SDK {found['kserve']} and TorchServe "
        f"{found['torchserve']}"
    )


def how(header: Header) -> str:
    """Say how TorchServe ran."""
    return "in containers" if header.runtime == "container" else "as a process"


def moment(started: str) -> str:
    """Tell a moment of results to the minute, in UTC."""
    utc = datetime.datetime.fromisoformat(started).astimezone(datetime.UTC)
    return f"{utc:%Y-%m-%d %H:%M} UTC"


def short(commit: str | None) -> str:
    """Give as much of a commit as tells it from others, and whether files were changed since."""
    if commit is None:
        return "unknown"
    return commit[:_SHORT] + (_DIRTY if commit.endswith(_DIRTY) else "")


def different_commits(runs: Iterable[Run]) -> str:
    """Say so where runs that are judged together are of different commits; else nothing."""
    known = (run.header.commit for run in runs if run.header.commit)
    commits = dict.fromkeys(commit.removesuffix(_DIRTY)[:_SHORT] for commit in known)
    if len(commits) < 2:
        return ""
    return f"These runs are of {' and '.join(commits)}, and are judged here as if they were of one."
