"""What two runs stood on, and where they differ in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from kserve_conformance.results.record import Header, Run
from packaging.version import Version

from matrix.planning import ranges

_NONE = "none"
_MOST_DIGESTS = 3
_LONGEST_DIGEST = 40


@dataclass(frozen=True)
class RunDifference:
    """One thing that isn't the same.

    Attributes:
        of_subject: whether what was judged, or by what, is another; else its environment is.
    """

    what: str
    old: str
    new: str
    of_subject: bool = False


def differences(old: Run, new: Run) -> list[RunDifference]:
    """List what differs between two runs, as far as both have it."""
    found = [
        *_differing(_subject(old.header), _subject(new.header), of_subject=True),
        *_differing(_environment(old.header), _environment(new.header)),
        _of_releases("locks", old.header.locks, new.header.locks),
        _of_releases("SDK environments", _interpreters(old), _interpreters(new)),
    ]
    return [each for each in found if each is not None]


def _subject(header: Header) -> dict[str, str]:
    return {
        "wrapper": str(header.wrapper["name"]),
        "command of the wrapper": str(header.started_as),
        "model class of the wrapper": header.wrapper["constructor"] or _NONE,
        "requirements of the wrapper": ", ".join(header.requirements) or _NONE,
        "conformance suite": header.suite or _NONE,
        "commit": header.commit or "unknown",
    }


def _environment(header: Header) -> dict[str, str]:
    machine = {f"{name} of the machine": str(value) for name, value in header.machine.items()}
    engine = header.engine
    torchserve = {
        f"TorchServe {each['release']} with envelope {each['envelope']}": each["identity"]
        for each in header.torchserve
        if each["identity"]
    }
    return {
        "container engine": f"{engine['name']} {engine['version']}" if engine else _NONE,
        **machine,
        "attempts at each check": str(header.repeat),
        **torchserve,
    }


def _interpreters(run: Run) -> dict[str, str]:
    """Give the name of each release's environment, in which there is a digest of what it holds."""
    found: dict[str, str] = {}
    for record in run.records:
        interpreter, release = record.evidence.get("interpreter"), record.axes.get("kserve")
        if interpreter and release:
            found.setdefault(release, PurePosixPath(interpreter).parent.parent.name)
    return found


def _differing(
    old: Mapping[str, str], new: Mapping[str, str], of_subject: bool = False
) -> list[RunDifference]:
    return [RunDifference(what, old[what], new[what], of_subject) for what in _changed(old, new)]


def _changed(old: Mapping[str, str | None], new: Mapping[str, str | None]) -> list[str]:
    return [name for name, value in new.items() if name in old and old[name] != value]


def _of_releases(
    what: str, old: Mapping[str, str | None], new: Mapping[str, str | None]
) -> RunDifference | None:
    changed = sorted(_changed(old, new), key=Version)
    if not changed:
        return None
    told = f"{what} of KServe {ranges.in_words(changed, sorted(new, key=Version))}"
    if len(changed) > _MOST_DIGESTS:
        return RunDifference(told, f"{len(changed)} digests", "others")
    then, now = (
        # As many signs as tell digests apart; the results hold all of them.
        ", ".join((side[release] or _NONE)[:_LONGEST_DIGEST] for release in changed)
        for side in (old, new)
    )
    return RunDifference(told, then, now)
