"""docs/claims.md tells what the claims do, and explains each MUST that a native server fails."""

from __future__ import annotations

import re

import pytest

from matrix.environments import roster
from matrix.environments.roster import Peer
from matrix.peers import claims
from tests import pages

PAGE = "claims.md"
PEERS = roster.load()
NATIVE = [peer for peer in PEERS.values() if peer.kind in ("triton", "omle")]
PROFILES = {"v1": "V1", "v2": "V2", "grpc": "gRPC"}

# Of a claim: the row of a profile in its table, and a heading above MUSTs that aren't kept.
_ROW = re.compile(r"^\| (v1|v2|grpc) \|(.*)\|$", re.MULTILINE)
_SECTION = re.compile(r"^## \w+: (.*)$\n\n((?:- .*\n)+)", re.MULTILINE)
_ID = re.compile(r"\b[A-Z0-9]+-[A-Z]+-\d{3}\b")


def text_of(peer: Peer) -> str:
    """Give the claim of a peer in the repository."""
    return claims.claim_file(peer).read_text(encoding="utf-8")


def musts_failed(claim: str) -> set[str]:
    """Give the ids of the MUSTs that a claim says aren't kept."""
    return {
        found[1]
        for title, findings in _SECTION.findall(claim)
        if re.fullmatch(r"MUST, failed|departs.*: MUST|differs.*: MUST", title)
        for found in re.finditer(r"^- \*\*([A-Z0-9-]+)\*\*", findings, re.MULTILINE)
    }


def rows(peer: Peer) -> dict[str, list[str]]:
    """Give the cells of a claim's table, by profile."""
    return {
        profile: [each.strip() for each in cells.split("|")]
        for profile, cells in _ROW.findall(text_of(peer))
    }


def told(cells: list[str]) -> str:
    standing, kept, must, unchecked, should, _ = cells
    if not kept:
        return "not offered"
    more = f", {unchecked} not checked" if unchecked != "0" else ""
    return f"{standing}: {kept} kept, {must} MUST, {should} SHOULD{more}"


def extensions(by_profile: dict[str, str]) -> str:
    """Tell extensions with their standings, and by which profiles where those differ."""
    standings: dict[str, dict[str, list[str]]] = {}
    for profile, cell in by_profile.items():
        for each in filter(None, cell.split(", ")):
            name, _, standing = each.partition(": ")
            standings.setdefault(name, {}).setdefault(standing, []).append(PROFILES[profile])
    return ", ".join(
        f"{name}: {standing}" + (f" by {' and '.join(by)}" if len(of) > 1 else "")
        for name, of in sorted(standings.items())
        for standing, by in of.items()
    )


def test_the_table_is_that_of_the_claims() -> None:
    lines = []
    for peer in PEERS.values():
        of_profiles = rows(peer)
        heading = text_of(peer).partition("\n")[0].removeprefix("# ")
        told_of = [told(of_profiles[each]) for each in PROFILES]
        link = f"[{heading}](../conformance/claims/{claims.claim_file(peer).name})"
        lines.append(
            [link, *told_of, extensions({each: of_profiles[each][5] for each in PROFILES})]
        )
    heads = ["server", *PROFILES.values(), "extensions"]
    pages.hold(PAGE, "what servers claim", pages.table(heads, lines))


@pytest.mark.parametrize("peer", NATIVE, ids=lambda peer: peer.name)
def test_each_must_that_a_native_server_fails_is_explained(peer: Peer) -> None:
    page = (pages.DOCS / PAGE).read_text(encoding="utf-8")
    section = page.partition(f"\n### {peer.title} {peer.version}\n")[2].partition("\n### ")[0]
    explained = {
        each
        for line in section.splitlines()
        if line.startswith("| ")
        for each in _ID.findall(line.split("|")[1])
    }
    assert explained == musts_failed(text_of(peer))


def test_of_triton_no_must_is_left_unchecked() -> None:
    of_profiles = rows(PEERS["triton-2.51.0"])
    assert [of_profiles[each][3] for each in ("v2", "grpc")] == ["0", "0"]
