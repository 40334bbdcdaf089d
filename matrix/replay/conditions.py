"""What a cell of results stood on, found again on this machine, or in what this machine differs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kserve_conformance.errors import DataFileError
from kserve_conformance.results.verdict import Unprovisioned
from kserve_conformance.text.redaction import HIDDEN, without_secrets

from fixtures import torchserve
from fixtures.torchserve import Runtime, RuntimeUnavailable, TorchServeError
from matrix.environments import own_requirements, past_locks
from matrix.environments.locking import LockError
from matrix.planning import axes, checkout
from matrix.replay.replaying import PastCell, ReplayError


@dataclass(frozen=True)
class Conditions:
    """What a cell is run on again.

    Attributes:
        image, lock: what `run` takes; None for the image that is built here, the lock that is kept.
        subject_image: the image under test, None where a command is.
        command, constructor: what `run` takes; no constructor where it isn't known.
        differences: why it isn't the same as in the results, a sentence each.
        change: what may have changed since, and is no reason not to run: the code.
    """

    runtime: Runtime
    image: str | None
    lock: Path | None
    command: str | None
    subject_image: str | None
    constructor: str | None
    differences: tuple[str, ...]
    change: str | None


def find(
    past: PastCell, folder: Path, wrapper: str | None = None, *, beside: Path | None = None
) -> Conditions:
    """Find what a cell stood on.

    Args:
        folder: where a lock goes that is taken from another commit.
        wrapper: the command that starts the wrapper; that of the results where it is None.
        beside: the folder of the locks that the results' run has left, which may not be there.

    Raises:
        AxesError: when axes.toml doesn't have the release of its SDK.
        ReplayError: when the results have the command without a secret, and it isn't given, or
            are of an image, and one is.
        RuntimeUnavailable: when they are of an image, and no container engine answers.
    """
    differences: list[str] = []
    if past.header.wrapper.get("image"):
        return _of_image(past, wrapper, differences)
    runtime, image = _torchserve(past, differences)
    lock = _lock(past, folder, beside or folder, differences)
    command = _command(past, wrapper, differences)
    constructor = _constructor(past, differences)
    return Conditions(
        runtime, image, lock, command, None, constructor, tuple(differences), _change(past)
    )


def _of_image(past: PastCell, wrapper: str | None, differences: list[str]) -> Conditions:
    name, digest = past.header.wrapper["image"], past.header.wrapper["digest"] or ""
    if wrapper is not None:
        raise ReplayError(f"--wrapper: the results are of the image {name}: leave the option out")
    if not torchserve.is_here("container", past.axes["torchserve"], digest):
        differences.append(
            f"the image under test was {digest}, which this machine doesn't have: what {name} is "
            "here is another"
        )
        digest = name or ""
    return Conditions(
        "container", None, None, None, digest, None, tuple(differences), _change(past)
    )


def _torchserve(past: PastCell, differences: list[str]) -> tuple[Runtime, str | None]:
    runtime: Runtime = "process" if past.axes["runtime"] == "process" else "container"
    release, identity = past.axes["torchserve"], past.torchserve_identity
    try:
        if not identity or torchserve.is_here(runtime, release, identity):
            return runtime, identity or None if runtime == "container" else None
    except TorchServeError as error:
        if isinstance(error, RuntimeUnavailable) and runtime == "container":
            differences.append(f"TorchServe ran in a container, and as a process here: {error}")
            return "process", None
        differences.append(str(error))
        return runtime, None
    if runtime == "container":
        wrong = (
            f"the image of TorchServe {release} in the results is {identity}, which this machine "
            "doesn't have: it was built elsewhere, or removed since, and an image that is built "
            "anew is another one"
        )
    else:
        wrong = (
            f"the packages of TorchServe {release} in the results are {identity}, and others are "
            "installed here"
        )
    differences.append(wrong)
    return runtime, None


def _lock(past: PastCell, folder: Path, beside: Path, differences: list[str]) -> Path | None:
    release = axes.load().release(past.axes["kserve"])
    if past.lock_digest is None:
        return None
    try:
        if past.header.requirements:
            return own_requirements.with_digest(
                release, past.header.requirements, past.lock_digest, beside
            )
        return past_locks.with_digest(release, past.lock_digest, past.header.commit, folder)
    except (LockError, DataFileError, Unprovisioned) as error:
        differences.append(str(error))
        return None


def _command(past: PastCell, given: str | None, differences: list[str]) -> str:
    known = past.header.wrapper["command"] or ""
    if given is None:
        if HIDDEN in known:
            raise ReplayError(
                f"the wrapper's command in the results, {known}, holds {HIDDEN} in place of a "
                "secret: give the whole command with --wrapper"
            )
        return known
    shown = without_secrets(given)
    if shown != without_secrets(known):
        differences.append(
            f"the wrapper's command in the results is {known}, and --wrapper is {shown}"
        )
    return given


def _constructor(past: PastCell, differences: list[str]) -> str | None:
    constructor = past.header.wrapper["constructor"]
    file = (constructor or "").rpartition(":")[0]
    if file.endswith(".py") and not Path(file).is_file():
        differences.append(f"the wrapper's model class is in {file}, which isn't here")
        return None
    return constructor


def _change(past: PastCell) -> str | None:
    then, now = past.header.commit, checkout.commit()
    if then == now and then is not None and not then.endswith("-dirty"):
        return None
    return (
        f"the results are of commit {then or 'unknown'}, and this is {now or 'unknown'}: the "
        "wrapper and the checks are those of this one"
    )
