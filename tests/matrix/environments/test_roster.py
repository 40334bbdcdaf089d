"""The peers' data file: what the repository has, and what is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from kserve_conformance import catalogue
from kserve_conformance.errors import DataFileError

from matrix.environments import roster
from matrix.environments.roster import RosterError
from matrix.planning import axes, expectations
from matrix.planning.cells import Cell
from matrix.planning.subject import REPOSITORY

_SDK = '[[peer]]\nkind = "kserve-sdk"\ntitle = "t"\nrelease = "0.21.0"\nprofiles = ["v1"]\n'
_OURS = (
    '[[peer]]\nkind = "torchserve-kserve-wrapper"\ntitle = "t"\nversion = "1.0"\n'
    'release = "0.21.0"\npods.v1 = { protocol_version = "v1", envelope = "kserve" }\n'
)
_MLSERVER = (
    '[[peer]]\nkind = "mlserver"\ntitle = "t"\nrelease = "1.7.1"\nprofiles = ["v2"]\n'
    'python = "3.12"\ncut_off = 2025-06-27\n'
)


def written(folder: Path, *tables: str) -> Path:
    """Write a peers.toml out of tables."""
    file = folder / "peers.toml"
    file.write_text("\n".join(["schema = 1", *tables]))
    return file


def test_the_repository_has_servers_of_four_families_the_oldest_and_newest_sdk_and_ours() -> None:
    peers = roster.load()
    kinds = {"kserve-sdk", "mlserver", "triton", "omle", roster.WRAPPER}
    assert {peer.kind for peer in peers.values()} == kinds
    newest = list(axes.load().kserve)[-1]
    assert {"kserve-sdk-0.10.0", f"kserve-sdk-{newest}"} <= set(peers)
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert peers[f"{project['name']}-{project['version']}"].release.release == newest


def test_each_profile_of_ours_is_judged_where_the_matrix_judges_it() -> None:
    known, expected = axes.load(), expectations.load()
    (ours,) = (peer for peer in roster.load().values() if peer.kind == roster.WRAPPER)
    assert ours.profiles == catalogue.PROFILES
    for profile, pod in ours.pods.items():
        protocol, envelope = known.arrived_at(pod)
        cell = Cell(ours.release.release, protocol, envelope, known.default_torchserve, "process")
        made = expected.checks_at(expected.point(cell.axes(), constructor_known=True))
        statements = catalogue.load()
        judged = {statements[each].profile for each in made if each in statements}
        assert profile in judged


def test_a_peer_is_named_for_its_kind_and_release(tmp_path: Path) -> None:
    peers = roster.load(written(tmp_path, _SDK, _MLSERVER))
    assert list(peers) == ["kserve-sdk-0.21.0", "mlserver-1.7.1"]
    assert peers["kserve-sdk-0.21.0"].release == axes.load().release("0.21.0")
    assert peers["mlserver-1.7.1"].release.python == "3.12"


def test_a_server_in_the_package_of_another_is_named_for_its_own_version(tmp_path: Path) -> None:
    table = _MLSERVER.replace("mlserver", "triton").replace("1.7.1", "0.7.0")
    peers = roster.load(written(tmp_path, _SDK, table + 'version = "2.51.0"\n'))
    release = peers["triton-2.51.0"].release
    assert (release.package, release.release) == ("nvidia-pytriton", "0.7.0")
    assert release.lock_command == "python -m matrix lock --peer triton-2.51.0"


def test_what_a_lock_has_besides_and_does_without_is_read(tmp_path: Path) -> None:
    table = _MLSERVER + 'also = ["numpy<2"]\nwithout = ["grpcio"]\n'
    release = roster.load(written(tmp_path, _SDK, table))["mlserver-1.7.1"].release
    assert (release.also, release.without) == (("numpy<2",), ("grpcio",))


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ([_SDK, _SDK], "peer[1]: kserve-sdk-0.21.0 is there twice"),
        ([_SDK, _MLSERVER.replace("2025-06-27", '"2025-06-27"')], "write a date without quotes"),
        (
            [_SDK.replace("0.21.0", "0.1.0"), _MLSERVER],
            "peer[0].release: KServe '0.1.0' is not in axes",
        ),
        ([_SDK, _MLSERVER.replace("mlserver", "vllm")], "peer[1].kind: 'vllm' is not one of"),
        (
            [_SDK + 'python = "3.9"\n', _MLSERVER],
            "peer[0].python: that of a release of KServe's SDK is in axes",
        ),
        (
            [_SDK + 'version = "2.0"\n', _MLSERVER],
            "peer[0].version: that of a release of KServe's SDK is in axes",
        ),
        ([_SDK, _MLSERVER.replace('python = "3.12"\n', "")], "'python' is a required property"),
        ([_MLSERVER], "peer: "),
        ([_SDK, _OURS.replace('version = "1.0"\n', "")], "peer[1]: 'version' is a required"),
        ([_SDK, _OURS.partition("pods")[0]], "peer[1]: 'pods' is a required property"),
        ([_SDK, _OURS + 'profiles = ["v1"]\n'], "peer[1].profiles: the pods say which"),
        (
            [_SDK, _MLSERVER + _OURS.splitlines()[-1]],
            "peer[1].pods: torchserve-kserve-wrapper alone has pods",
        ),
        ([_SDK, _OURS + 'python = "3.9"\n'], "peer[1].python: that of a release of KServe's SDK"),
    ],
    ids=[
        "twice",
        "date as text",
        "unknown SDK",
        "kind",
        "python of an SDK",
        "version of an SDK",
        "no python",
        "one",
        "ours without a version",
        "ours without pods",
        "profiles beside pods",
        "pods of others",
        "python of ours",
    ],
)
def test_what_contradicts_itself_is_refused_with_its_place(
    tables: list[str], said: str, tmp_path: Path
) -> None:
    file = written(tmp_path, *tables)
    with pytest.raises(DataFileError) as raised:
        roster.load(file)
    assert str(raised.value).startswith(f"{file}: ")
    assert said in str(raised.value)


def test_another_name_is_told_which_there_are() -> None:
    with pytest.raises(RosterError, match=r"'vllm' is no peer: peers\.toml has kserve-sdk-0"):
        roster.find("vllm")
