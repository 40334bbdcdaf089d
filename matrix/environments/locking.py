"""The locks: one resolved, dated and hashed set of packages per release that is run."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kserve_conformance.errors import DataFileError, NotKnown, located
from kserve_conformance.results.verdict import Unprovisioned
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from matrix.environments import interpreters, uv_tool
from matrix.environments.uv_tool import UvFailed
from matrix.planning.release import Release

_PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
_INPUTS = re.compile(r"^# Inputs: sha256:([0-9a-f]{64})$", re.MULTILINE)
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\\n]+)", re.MULTILINE)
# A pin with the lines of its hashes, which are indented.
_ENTRY = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==.*(?:\n[ \t].*)*", re.MULTILINE)
_LINE = re.compile(r"(#.*|[A-Za-z0-9._-]+==[^ ;\\]+( \\)?|    --hash=sha256:[0-9a-f]{64}( \\)?)?")


class LockError(NotKnown):
    """A lock that can't be made, or can't be had as it was. Its text says what to do."""


@dataclass(frozen=True)
class Lock:
    """A lock that can be used.

    Attributes:
        digest: the SHA-256 of the file, in hexadecimal.
    """

    release: Release
    path: Path
    digest: str

    def pins(self) -> dict[str, str]:
        """Give the version of each package in it."""
        return pins_in(self.path.read_text(encoding="utf-8"))


def pins_in(text: str) -> dict[str, str]:
    """Give the version of each package in the text of a lock."""
    return dict(_PINNED.findall(text))


def entries_in(text: str) -> dict[str, str]:
    """Give the pin of each package in the text of a lock, with its hashes, by canonical name."""
    return {canonicalize_name(entry[1]): entry[0] for entry in _ENTRY.finditer(text)}


def find(release: Release, folder: Path | None = None) -> Lock:
    """Give the lock of a release.

    Args:
        folder: where it is, if not where the locks of its package are kept.

    Raises:
        DataFileError: when there is none, when a line of it is none of a lock, or when the file
            that names the release or the wrapper's requirements have changed since it was made.
    """
    path = path_of(release, folder)
    wrong = out_of_date(release, folder)
    if wrong:
        raise DataFileError(f"{wrong}: make it with `{release.lock_command}`")
    with located(path):
        refuse_other_lines(path.read_text(encoding="utf-8"), release.lock_command)
    return Lock(release, path, hashlib.sha256(path.read_bytes()).hexdigest())


def refuse_other_lines(text: str, command: str) -> None:
    """Refuse what no lock holds, before an installer says so of the environment.

    Args:
        command: what makes the lock.

    Raises:
        DataFileError: names the line.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        if not _LINE.fullmatch(line):
            wrong = "a lock has NAME==VERSION \\ and, below it, --hash=sha256: with 64 digits"
            raise DataFileError(f"{line!r}: {wrong}: make it with `{command}`", f"line {number}")


def out_of_date(release: Release, folder: Path | None = None) -> str | None:
    """Say what is wrong with the lock of a release, None where it can be used."""
    path = path_of(release, folder)
    try:
        recorded = _INPUTS.search(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return f"{release} has no lock ({path.name})"
    except (OSError, UnicodeDecodeError) as error:
        return f"the lock of {release} ({path.name}) can't be read: {error}"
    if recorded is None or recorded[1] != _inputs(release):
        also = " or with the dependencies in pyproject.toml" if release.beside_the_wrapper else ""
        return f"the lock of {release} ({path.name}) is out of date with {release.data_file}{also}"
    return None


def make(release: Release, folder: Path | None = None) -> Lock:
    """Resolve the lock of a release anew and write it.

    Raises:
        LockError: when it can't be resolved without a compiler.
        Unprovisioned: when the Python of the release or the package index can't be had.
    """
    python = interpreters.find(release.python)
    try:
        pinned = f"{release.package}=={release.release}"
        wanted = [pinned, *release.also, *_wrapper_requirements(release)]
        pins = resolve(release, python, wanted)
    except UvFailed as error:
        if error.no_network:
            raise Unprovisioned(
                f"the lock of {release} can't be resolved, since the package index can't be "
                f"reached: {error}"
            ) from None
        raise LockError(
            f"{release} can't be resolved as {release.data_file} says: {error}"
        ) from None
    _refuse_unused(release, pins)
    path = path_of(release, folder)
    path.parent.mkdir(exist_ok=True)
    said = [f"{release.contents}, resolved by", f"  {release.lock_command}"]
    told = header(release, said, [f"Inputs: sha256:{_inputs(release)}"])
    path.write_text(f"{told}\n{pins}", encoding="utf-8")
    return find(release, folder)


def install_options(release: Release) -> list[str]:
    """List uv's options that resolving and installing share: the day, and no compiler."""
    options = ["--exclude-newer", _cut_off(release), "--only-binary", ":all:"]
    for package in release.from_source:
        options += ["--no-binary", package]
    return options


def resolve(
    release: Release, python: Path, wanted: Iterable[str], beside: Path | None = None
) -> str:
    """Resolve requirements as of the day of a release, and give the pins with their hashes.

    Args:
        python: an interpreter of the release's Python.
        beside: a lock whose versions are kept.

    Raises:
        UvFailed: when they can't be resolved without a compiler, or the index can't be reached.
    """
    platform = f"x86_64-manylinux_{release.glibc.replace('.', '_')}" if release.glibc else "linux"
    options: list[str | Path] = [
        *("--python", python, "--python-platform", platform),
        *("--generate-hashes", "--no-annotate", "--no-header", "--quiet"),
        *install_options(release),
    ]
    if beside is not None:
        options += ["--constraints", beside]
    wanted = list(wanted)
    named = {canonicalize_name(Requirement(each).name) for each in wanted}
    with tempfile.TemporaryDirectory(prefix="matrix-lock-") as folder:
        left_out = Path(folder, "excludes.txt")
        excluded = [each for each in release.without if canonicalize_name(each) not in named]
        left_out.write_text("\n".join(excluded), encoding="utf-8")
        options += ["--excludes", left_out]
        return uv_tool.run(
            *("pip", "compile", "-", *options),
            stdin="\n".join([*wanted, ""]),
            environment=uv_tool.NO_COMPILER,
        )


def _refuse_unused(release: Release, pins: str) -> None:
    """Refuse an exception from wheels-only that nothing needs: it would hide the next one."""
    pinned = {canonicalize_name(name) for name, _ in _PINNED.findall(pins)}
    for package in release.from_source:
        if canonicalize_name(package) not in pinned:
            raise LockError(
                f"{release} doesn't need {package}: take it out of its from_source in "
                f"{release.data_file}"
            )


def header(release: Release, said: Sequence[str], more: Sequence[str] = ()) -> str:
    """Give the header of a lock, which says what it is for.

    Args:
        said: what it is, and what makes it.
        more: what else it is made of.
    """
    glibc = f"glibc {release.glibc} or later" if release.glibc else "glibc"
    lines = [
        *said,
        f"Valid for: CPython {release.python} on Linux, x86_64, {glibc}",
        f"Cut-off: {_cut_off(release)}",
        f"From source: {', '.join(release.from_source) or 'nothing'}",
        *more,
    ]
    return "".join(f"# {line}\n" for line in lines)


def _inputs(release: Release) -> str:
    """Digest all that a lock is resolved from, besides the package index of its day."""
    inputs = [
        *(release.release, release.python, _cut_off(release)),
        *(sorted(release.also), sorted(release.without), sorted(release.from_source)),
        _wrapper_requirements(release),
        *([release.glibc] if release.glibc else []),
    ]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def _wrapper_requirements(release: Release) -> list[str]:
    """List what the wrapper needs beside the SDK, as its package metadata says."""
    if not release.beside_the_wrapper:
        return []
    project = tomllib.loads(_PYPROJECT.read_text(encoding="utf-8"))["project"]
    return sorted(str(Requirement(text)) for text in project["dependencies"])


def _cut_off(release: Release) -> str:
    # A day without a time would be taken in the machine's own time zone.
    return f"{release.cut_off.isoformat()}T00:00:00Z"


def path_of(release: Release, folder: Path | None = None) -> Path:
    """Give where the lock of a release is, or would be."""
    return (folder or release.locks) / f"{release.package}-{release.release}.txt"
