"""Locks: those in the repository, those that are missing or out of date, and making one."""

from __future__ import annotations

import dataclasses
import datetime
import re
from pathlib import Path
from typing import Any

import pytest
from kserve_conformance.errors import DataFileError
from kserve_conformance.results.verdict import Unprovisioned

from matrix.commands import cli
from matrix.environments import interpreters, locking, roster, uv_tool
from matrix.environments.locking import LockError
from matrix.environments.roster import MLServerRelease
from matrix.environments.uv_tool import UvFailed
from matrix.planning import axes
from matrix.planning.axes import KServeRelease
from matrix.planning.release import Release

RELEASES = axes.load().kserve
PEERS = [each.release for each in roster.load().values()]
EVERY = list(dict.fromkeys([*RELEASES.values(), *PEERS]))
HASH = f"--hash=sha256:{'0' * 64}"
PINS = f"kserve==0.99.0 \\\n    {HASH}\npure==1.0 \\\n    {HASH}\n"


@pytest.fixture
def release() -> KServeRelease:
    return KServeRelease("0.99.0", "3.13", datetime.date(2026, 1, 1), (), ("unused",), ("pure",))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Replace uv by one that resolves to PINS, and note what it is asked."""
    calls: list[Any] = []

    def resolve(*arguments: str | Path, stdin: str = "", **options: Any) -> str:
        calls.append((list(map(str, arguments)), stdin, options))
        return PINS

    monkeypatch.setattr(uv_tool, "run", resolve)
    monkeypatch.setattr(interpreters, "find", lambda _: Path("/python"))
    return calls


def uv_fails(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    def fail(*_: object, **__: object) -> str:
        raise UvFailed(said)

    monkeypatch.setattr(uv_tool, "run", fail)
    monkeypatch.setattr(interpreters, "find", lambda _: Path("/python"))


@pytest.mark.parametrize("each", EVERY, ids=str)
class TestOfTheRepository:
    def test_is_up_to_date(self, each: Release) -> None:
        lock = locking.find(each)
        assert re.fullmatch("[0-9a-f]{64}", lock.digest)

    def test_names_neither_a_host_nor_a_path(self, each: Release) -> None:
        text = locking.find(each).path.read_text()
        assert not re.search(r"://|--(extra-)?index|--find-links|(^| )[/~]|\bfile:", text)

    def test_pins_everything_with_a_hash(self, each: Release) -> None:
        text = locking.find(each).path.read_text()
        pins = re.findall(r"^[a-z].*", text, re.MULTILINE)
        hashed = re.findall(r"^[a-z][^\n]*==[^\n]* \\\n    --hash=sha256:", text, re.MULTILINE)
        assert len(pins) == len(hashed) > (40 if each.beside_the_wrapper else 1)
        assert f"{each.package}=={each.release} \\" in pins

    def test_tells_the_version_of_each_package(self, each: Release) -> None:
        pins = locking.find(each).pins()
        assert pins[each.package] == each.release
        assert all(re.fullmatch(r"[0-9][0-9A-Za-z.+!]*", version) for version in pins.values())

    def test_says_what_it_is_valid_for_and_from_which_day(self, each: Release) -> None:
        header = locking.find(each).path.read_text().split("\n\n")[0]
        assert f"CPython {each.python} on Linux, x86_64" in header
        assert f"Cut-off: {each.cut_off}T00:00:00Z" in header
        assert f"resolved by\n#   {each.lock_command}\n" in header


def test_a_release_without_a_lock_is_an_error_that_says_how_to_make_it(
    release: KServeRelease, tmp_path: Path
) -> None:
    with pytest.raises(DataFileError) as raised:
        locking.find(release, tmp_path)
    assert str(raised.value) == (
        "KServe 0.99.0 has no lock (kserve-0.99.0.txt): make it with "
        "`python -m matrix lock --kserve 0.99.0`"
    )


def test_making_a_lock_asks_for_the_day_and_for_no_compiler(
    release: KServeRelease, asked: list[Any], tmp_path: Path
) -> None:
    lock = locking.make(release, tmp_path)
    arguments, wanted, options = asked[0]
    assert arguments[arguments.index("--exclude-newer") + 1] == "2026-01-01T00:00:00Z"
    assert arguments[arguments.index("--only-binary") + 1] == ":all:"
    assert arguments[arguments.index("--no-binary") + 1] == "pure"
    assert options["environment"] == {"CC": "false", "CXX": "false"}
    assert "kserve==0.99.0" in wanted
    assert "httptools" in wanted, "the wrapper's own dependencies are part of it"
    assert lock.path.read_text().endswith(f"\n\n{PINS}")


def test_wheels_for_a_newer_glibc_are_asked_for_and_told(asked: list[Any], tmp_path: Path) -> None:
    triton = roster.find("triton-2.51.0").release
    lock = locking.make(triton, tmp_path)
    arguments, wanted, _ = asked[0]
    assert arguments[arguments.index("--python-platform") + 1] == "x86_64-manylinux_2_35"
    assert {"nvidia-pytriton==0.7.0", "numpy<2"} <= set(wanted.split())
    assert "on Linux, x86_64, glibc 2.35 or later\n" in lock.path.read_text()


@pytest.mark.parametrize(
    "change",
    [
        {"python": "3.12"},
        {"cut_off": datetime.date(2026, 1, 2)},
        {"also": ("setuptools<81",)},
        {"without": ()},
        {"from_source": ()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_in_axes_puts_a_lock_out_of_date(
    change: dict[str, Any], release: KServeRelease, asked: list[Any], tmp_path: Path
) -> None:
    locking.make(release, tmp_path)
    assert locking.out_of_date(release, tmp_path) is None
    said = locking.out_of_date(dataclasses.replace(release, **change), tmp_path)
    assert said is not None
    assert "out of date with axes.toml" in said


def test_a_change_in_the_wrappers_dependencies_puts_a_lock_out_of_date(
    release: KServeRelease, asked: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locking.make(release, tmp_path)
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text('[project]\ndependencies = ["aiohttp>=3.9"]\n')
    monkeypatch.setattr(locking, "_PYPROJECT", pyproject)
    with pytest.raises(DataFileError, match=r"out of date .*pyproject\.toml: make it with"):
        locking.find(release, tmp_path)


def test_a_peer_that_is_no_kserve_sdk_has_nothing_of_the_wrappers(
    asked: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = MLServerRelease("1.7.1", "3.12", datetime.date(2025, 6, 27), (), (), ())
    locking.make(release, tmp_path)
    assert asked[0][1] == "mlserver==1.7.1\n"
    monkeypatch.setattr(locking, "_PYPROJECT", tmp_path / "pyproject.toml")
    assert locking.out_of_date(release, tmp_path) is None
    said = locking.out_of_date(dataclasses.replace(release, python="3.11"), tmp_path)
    assert said == "the lock of MLServer 1.7.1 (mlserver-1.7.1.txt) is out of date with peers.toml"


def test_a_package_from_source_that_nothing_needs_is_refused(
    release: KServeRelease, asked: list[Any], tmp_path: Path
) -> None:
    needless = dataclasses.replace(release, from_source=("pure", "avro"))
    with pytest.raises(LockError, match=r"0\.99\.0 doesn't need avro: take it out"):
        locking.make(needless, tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_the_package_index_a_lock_is_unprovisioned(
    release: KServeRelease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv_fails(monkeypatch, "error: Failed to fetch\n  cause: dns error")
    with pytest.raises(Unprovisioned, match="since the package index can't be reached"):
        locking.make(release, tmp_path)


def test_what_cannot_be_resolved_is_told_in_uvs_words(
    release: KServeRelease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv_fails(monkeypatch, "error: No solution\n  cause: pyasn has no usable wheels\nhint: --no-x")
    with pytest.raises(LockError, match=r"pyasn has no usable wheels$"):
        locking.make(release, tmp_path)


class TestCommand:
    def test_check_is_content_with_the_repository(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["lock", "--check"]) == 0
        assert capsys.readouterr().out == f"{len(EVERY)} locks checked, 0 wrong\n"

    def test_check_tells_missing_and_orphaned_locks(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        (tmp_path / "kserve-0.1.0.txt").touch()
        monkeypatch.setattr(KServeRelease, "locks", tmp_path)
        assert cli.main(["lock", "--check", "--kserve", "0.9.0"]) == 1
        said = capsys.readouterr().out
        assert "KServe 0.9.0 has no lock" in said
        assert "kserve-0.1.0.txt is the lock of no release in axes.toml" in said

    def test_an_unknown_release_is_wrong_usage(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["lock", "--kserve", "1.2.3"]) == 2
        assert "KServe '1.2.3' is not in axes.toml" in capsys.readouterr().err

    def test_making_without_the_package_index_exits_3(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        uv_fails(monkeypatch, "dns error")
        assert cli.main(["lock", "--kserve", "0.9.0"]) == 3
        assert "the package index can't be reached" in capsys.readouterr().out

    def test_an_unknown_peer_is_wrong_usage(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["lock", "--peer", "nobody"]) == 2
        assert "'nobody' is no peer: peers.toml has kserve-sdk-" in capsys.readouterr().err


@pytest.mark.integration
@pytest.mark.parametrize("name", ["0.8.0", "0.12.0", "0.18.1", "0.21.0"])
def test_made_again_a_lock_is_the_same(name: str, tmp_path: Path) -> None:
    made = locking.make(RELEASES[name], tmp_path)
    assert made.digest == locking.find(RELEASES[name]).digest


@pytest.mark.integration
def test_made_again_the_lock_of_a_peer_is_the_same(tmp_path: Path) -> None:
    release = roster.find("mlserver-1.7.1").release
    assert locking.make(release, tmp_path).digest == locking.find(release).digest
