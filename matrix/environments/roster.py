"""The peers, servers that nobody here wrote: fixtures/peers/peers.toml, read and checked."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kserve_conformance import datafile

from matrix.planning import axes
from matrix.planning.axes import AxesError
from matrix.planning.release import Release
from matrix.planning.subject import REPOSITORY

FOLDER = REPOSITORY / "fixtures" / "peers"
FILE = FOLDER / "peers.toml"
_SCHEMA = FOLDER / "peers.schema.json"

KSERVE_SDK = "kserve-sdk"


class RosterError(Exception):
    """A peers.toml that can't be used, or a peer that it doesn't have. Its text says which."""


@dataclass(frozen=True)
class MLServerRelease(Release):
    """A release of MLServer."""

    package = "mlserver"
    title = "MLServer"
    locks = FOLDER
    data_file = FILE.name
    beside_the_wrapper = False

    @property
    def lock_command(self) -> str:
        """Give the command that makes its lock."""
        return f"python -m matrix lock --peer {self.package}-{self.release}"


@dataclass(frozen=True)
class Peer:
    """A server that nobody here wrote, which serves the contract model.

    Attributes:
        kind: how it is started: see `matrix.commands.peers`.
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
        RosterError: when it can't be read, breaks its schema or names a release twice, or one
            that axes.toml doesn't have.
    """
    document = datafile.read(path, _SCHEMA, RosterError)
    peers: dict[str, Peer] = {}
    for index, entry in enumerate(document["peer"]):
        try:
            peer = Peer(entry["kind"], entry["title"], _release(entry), tuple(entry["profiles"]))
        except (AxesError, RosterError) as error:
            raise RosterError(f"{path}: peer[{index}]: {error}") from None
        if peer.name in peers:
            raise RosterError(f"{path}: peer[{index}]: {peer.name} is there twice")
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
            raise RosterError(f"{key}: that of a release of KServe's SDK is in axes.toml")
        return axes.load().release(entry["release"])
    if not isinstance(entry["cut_off"], datetime.date):
        raise RosterError(f"cut_off: {entry['cut_off']!r} is text: write a date without quotes")
    return MLServerRelease(entry["release"], entry["python"], entry["cut_off"], (), (), ())
