"""The peers, servers that nobody here wrote: fixtures/peers/peers.toml, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kserve_conformance import datafile
from kserve_conformance.errors import DataFileError, WrongUsage, located

from matrix.planning import axes
from matrix.planning.axes import AxesError
from matrix.planning.release import Release
from matrix.planning.subject import REPOSITORY

FOLDER = REPOSITORY / "fixtures" / "peers"
FILE = FOLDER / "peers.toml"
_SCHEMA = FOLDER / "peers.schema.json"

KSERVE_SDK = "kserve-sdk"


class RosterError(WrongUsage):
    """A peer that peers.toml doesn't have. Its text says which it has."""


@dataclass(frozen=True)
class MLServerRelease(Release):
    """A release of MLServer."""

    package = "mlserver"
    title = "MLServer"
    locks = FOLDER
    data_file = FILE.name
    beside_the_wrapper = False
    lock_option = "--peer mlserver-{}"


@dataclass(frozen=True)
class Peer:
    """A server that nobody here wrote, which serves the contract model.

    Attributes:
        kind: how it is started: see `matrix.peers.starting`.
        title: what a claim calls it.
        release: what its environment is made of.
        profiles: what its owner says that it offers.
    """

    kind: str
    title: str
    release: Release
    profiles: tuple[str, ...]

    @property
    def name(self) -> str:
        """Give what it is asked for by, and what its claim's file is called."""
        return f"{self.kind}-{self.release.release}"


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
        except AxesError as error:
            raise DataFileError(str(error), f"{place}.release", path) from None
        peer = Peer(entry["kind"], entry["title"], release, tuple(entry["profiles"]))
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
    if entry["kind"] == KSERVE_SDK:
        for key in entry.keys() & {"python", "cut_off"}:
            raise DataFileError("that of a release of KServe's SDK is in axes.toml", key)
        return axes.load().release(entry["release"])
    return MLServerRelease.of(entry)
