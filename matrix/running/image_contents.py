"""What an image under test has, found by asking it: its labels and its name are not believed."""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException
from packaging.version import InvalidVersion, Version

from fixtures import pods
from fixtures.torchserve import RuntimeUnavailable, engine
from fixtures.torchserve import image as images
from fixtures.torchserve.container import runner_label
from fixtures.torchserve.engine import connect
from matrix.planning.control_planes import NO_ENVELOPE
from matrix.planning.subject import SubjectError
from matrix.probes import installed

_PROBE = Path(installed.__file__)
# The distributions, which axes are called after.
_SDK, _TORCHSERVE = "kserve", "torchserve"
_CALLED = {_SDK: "the KServe SDK", _TORCHSERVE: "TorchServe"}
_PYTHON = re.compile(r"(?:.*/)?python[\d.]*")


@dataclass(frozen=True)
class Contents:
    """What an image has that serves.

    Attributes:
        digest: what tells the image from any other.
        kserve: the exact version of the KServe SDK.
        torchserve: likewise of TorchServe.
        envelopes: those that its TorchServe has.
    """

    name: str
    digest: str
    kserve: str
    torchserve: str
    envelopes: tuple[str, ...]

    def points(self, offered: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Give the points of the axes that the image is at.

        Args:
            offered: the envelopes that there are cells of.
        """
        there = (each for each in offered if each in (NO_ENVELOPE, *self.envelopes))
        return {
            "kserve": (release(self.kserve),),
            "torchserve": (release(self.torchserve),),
            "envelope": tuple(there),
        }

    def sentence(self, offered: Iterable[str]) -> str:
        """Say what was found, and which envelopes it has no cells of since it lacks them."""
        lacking = [each for each in offered if each not in (NO_ENVELOPE, *self.envelopes)]
        without = f"; it has no envelope {' or '.join(lacking)}, nor cells of it" if lacking else ""
        return (
            f"{self.name} ({self.digest}) has the KServe SDK {self.kserve} and TorchServe "
            f"{self.torchserve}{without}"
        )


@dataclass(frozen=True)
class Found:
    """All that was found in an image; members are as those of `Contents`.

    Attributes:
        versions: by axis of releases, the exact versions, one for each Python that has one.
    """

    name: str
    digest: str
    versions: Mapping[str, tuple[str, ...]]
    envelopes: tuple[str, ...]

    def chosen(self, named: Mapping[str, Sequence[str]]) -> Contents:
        """Give what of it serves.

        Args:
            named: by axis, the releases that the user names, of which it has to be; or none.

        Raises:
            SubjectError: when the image has none, several, or another than is named.
        """
        kserve, torchserve = (self._one(axis, named[axis]) for axis in (_SDK, _TORCHSERVE))
        return Contents(self.name, self.digest, kserve, torchserve, self.envelopes)

    def _one(self, axis: str, named: Sequence[str]) -> str:
        found = self.versions[axis]
        if not found:
            raise SubjectError(f"{self.name}: none of its Pythons has the package {axis}")
        wanted = [each for each in found if not named or release(each) in named]
        if not wanted:
            raise SubjectError(
                f"--{axis} {', '.join(named)}: {self.name} has {_CALLED[axis]} "
                f"{' and '.join(found)}: leave the option out"
            )
        if len(wanted) > 1:
            raise SubjectError(
                f"{self.name} has {_CALLED[axis]} {' and '.join(wanted)}: say which of them "
                f"serves, with --{axis}"
            )
        return wanted[0]


def release(version: str) -> str:
    """Give the release that an exact version is of: ``0.12.0`` for ``0.12.0+cu121``."""
    return Version(version).base_version


@functools.cache
def of(name: str) -> Found:
    """Ask an image, which is pulled where the engine doesn't have it.

    Raises:
        RuntimeUnavailable: when no engine answers, its containers aren't reached at this machine,
            or the image can't be had.
        SubjectError: when it has no Python that could say what it has.
    """
    client = connect()
    host = engine.host()
    if not engine.is_here(host):
        raise RuntimeUnavailable(
            f"this engine's containers are reached at {host}, and an image under test is asked at "
            "this machine: use an engine of its own, or unset TESTCONTAINERS_HOST_OVERRIDE"
        )
    digest = images.digest_of(client, images.fetch(client, name))
    told = _told(client, name, digest)
    versions = {axis: tuple(dict.fromkeys(_valid(told[axis]))) for axis in _CALLED}
    return Found(name, digest, versions, tuple(told["envelopes"]))


def _told(client: docker.DockerClient, name: str, digest: str) -> dict[str, Any]:
    for python in _pythons(client, digest):
        with contextlib.suppress(DockerException, ValueError):
            said = client.containers.run(
                digest,
                ["-c", _PROBE.read_text(encoding="utf-8"), _SDK, _TORCHSERVE],
                entrypoint=[python],
                # What the user of a pod can't read, a pod can't run.
                user=pods.USER,
                cap_drop=["ALL"],
                network_mode="none",
                labels=runner_label(),
                remove=True,
                stderr=False,
            )
            told: dict[str, Any] = json.loads(said)
            return told
    raise SubjectError(
        f"{name}: no Python can be run in it by user {pods.USER}, so that what it has isn't known"
    )


def _pythons(client: docker.DockerClient, digest: str) -> Iterator[str]:
    """Give the interpreters to ask: one that starts the image before those on its path."""
    config = client.images.get(digest).attrs["Config"]
    started = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    named = [word for word in started if _PYTHON.fullmatch(word)]
    yield from dict.fromkeys([*named, "python3", "python"])


def _valid(versions: Iterable[str]) -> Iterator[str]:
    for each in versions:
        with contextlib.suppress(InvalidVersion):
            yield str(Version(each))
