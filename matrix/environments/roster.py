"""The peers, servers whose claims are kept: fixtures/peers/peers.toml, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kserve_conformance import datafile
from kserve_conformance.errors import DataFileError, WrongUsage, located

from matrix.planning import axes
from matrix.planning.axes import AxesError
from matrix.planning.control_planes import Pod
from matrix.planning.release import Release
from matrix.planning.subject import REPOSITORY

FOLDER = REPOSITORY / "fixtures" / "peers"
FILE = FOLDER / "peers.toml"
_SCHEMA = FOLDER / "peers.schema.json"

KSERVE_SDK = "kserve-sdk"
WRAPPER = "torchserve-kserve-wrapper"
# What a release of KServe's SDK has in axes.toml.
_OF_AXES = frozenset({"python", "cut_off", "also", "without"})


class RosterError(WrongUsage):
    """A peer that peers.toml doesn't have. Its text says which it has."""


@dataclass(frozen=True)
class PeerRelease(Release):
    """A release of a package that brings a peer which is no KServe SDK.

    Attributes:
        peer: the peer's name.
    """

    peer: str = ""

    locks = FOLDER
    data_file = FILE.name
    beside_the_wrapper = False

    @property
    def lock_command(self) -> str:
        """Give the command that makes its lock."""
        return f"python -m matrix lock --peer {self.peer}"


@dataclass(frozen=True)
class MLServerRelease(PeerRelease):
    """A release of MLServer."""

    package = "mlserver"
    title = "MLServer"


@dataclass(frozen=True)
class PyTritonRelease(PeerRelease):
    """A release of PyTriton, whose wheel has a Triton in it, which is all that is used of it."""

    package = title = "nvidia-pytriton"
    # What the Python backend imports; the package itself would need more.
    modules = "numpy"
    glibc = "2.35"


@dataclass(frozen=True)
class OmleRelease(PeerRelease):
    """A release of OMLE Server."""

    package = title = "omle-server"
    # Those of fixtures/peers/omle/serve.py.
    modules = "omle_server, omle_convert, sklearn.linear_model"


_RELEASES: Mapping[str, type[PeerRelease]] = {
    "mlserver": MLServerRelease,
    "triton": PyTritonRelease,
    "omle": OmleRelease,
}


@dataclass(frozen=True)
class Peer:
    """A server that nobody here wrote, or our wrapper, which serves the contract model.

    Attributes:
        kind: how it is started: see `matrix.peers.starting`.
        title: what a claim calls it.
        version: its own, which the package that brings it may have another of.
        release: what its environment is made of.
        profiles: what its owner says that it offers.
        payloads: a file of requests that its model answers, None where its metadata tell enough.
        not_ready_model: a model that it knows and that never gets ready, if it has one.
        spare_model: a model that may be unloaded and loaded again, if it has one.
        pods: of our wrapper, by profile, what decides what its pod serves.
    """

    kind: str
    title: str
    version: str
    release: Release
    profiles: tuple[str, ...]
    payloads: Path | None = None
    not_ready_model: str | None = None
    spare_model: str | None = None
    pods: Mapping[str, Pod] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Give what it is asked for by, and what its claim's file is called."""
        return f"{self.kind}-{self.version}"


def load(path: Path = FILE) -> Mapping[str, Peer]:
    """Read the file; the peers by name.

    Raises:
        DataFileError: when it can't be read, breaks its schema or names a release twice, or one
            that axes.toml doesn't have.
    """
    document = datafile.read(path, _SCHEMA)
    peers: dict[str, Peer] = {}
    for index, entry in enumerate(document["peer"]):
        place = f"peer[{index}]"
        try:
            with located(path, place):
                release = _release(entry)
                pods = _pods(entry)
        except AxesError as error:
            raise DataFileError(str(error), f"{place}.release", path) from None
        payloads = FOLDER / entry["payloads"] if "payloads" in entry else None
        peer = Peer(
            kind=entry["kind"],
            title=entry["title"],
            version=_version(entry),
            release=release,
            profiles=tuple(entry.get("profiles", pods)),
            payloads=payloads,
            not_ready_model=entry.get("not_ready_model"),
            spare_model=entry.get("spare_model"),
            pods=pods,
        )
        if peer.name in peers:
            raise DataFileError(f"{peer.name} is there twice", place, path)
        peers[peer.name] = peer
    return peers


def find(name: str) -> Peer:
    """Give the peer of a name.

    Raises:
        RosterError: when there is none.
    """
    peers = load()
    if name not in peers:
        raise RosterError(f"{name!r} is no peer: peers.toml has {', '.join(peers)}")
    return peers[name]


def _release(entry: Mapping[str, Any]) -> Release:
    if entry["kind"] in (KSERVE_SDK, WRAPPER):
        own = _OF_AXES if entry["kind"] == WRAPPER else _OF_AXES | {"version"}
        for key in sorted(entry.keys() & own):
            raise DataFileError("that of a release of KServe's SDK is in axes.toml", key)
        return axes.load().release(entry["release"])
    release = _RELEASES[entry["kind"]].of(entry)
    return replace(release, peer=f"{entry['kind']}-{_version(entry)}")


def _pods(entry: Mapping[str, Any]) -> Mapping[str, Pod]:
    if entry["kind"] != WRAPPER:
        if "pods" in entry:
            raise DataFileError(f"{WRAPPER} alone has pods: leave them out", "pods")
        return {}
    if "profiles" in entry:
        raise DataFileError("the pods say which these are: leave them out", "profiles")
    return {
        profile: Pod(pod["protocol_version"], pod["envelope"])
        for profile, pod in entry["pods"].items()
    }


def _version(entry: Mapping[str, Any]) -> str:
    return str(entry.get("version", entry["release"]))
