"""``python -m matrix.environments``: makes what a run of the same options needs, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest
from kserve_conformance.results.verdict import Unprovisioned

from fixtures import torchserve
from matrix.environments import __main__ as command
from matrix.environments import provision
from matrix.environments.locking import Lock
from matrix.environments.provision import Environment
from matrix.planning import axes


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give what is made, where nothing is."""
    seen: list[str] = []

    def of_lock(lock: Lock) -> Environment:
        seen.append(str(lock.release))
        return Environment(lock.release.release, Path("python"), lock.digest)

    def provide(runtime: str, release: str, image: str | None) -> str:
        seen.append(f"TorchServe {release} by {runtime}")
        return "here"

    monkeypatch.setattr(provision, "of_lock", of_lock)
    monkeypatch.setattr(torchserve, "provide", provide)
    return seen


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["environments", "--runtime", "process", *arguments])
    return command.main()


def test_each_is_made_once(
    made: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    selection = ("--kserve", "0.16.0", "--kserve", "0.13.1", "--torchserve", "all")
    assert call(monkeypatch, *selection, "--protocol", "unset") == 0
    assert made[:2] == ["KServe 0.13.1", "KServe 0.16.0"]
    releases = axes.load().torchserve
    assert set(made[2:]) == {f"TorchServe {release} by process" for release in releases}
    assert len(made) == 2 + len(releases)
    assert "KServe 0.13.1: python\n" in capsys.readouterr().out


def test_what_there_is_not_is_wrong_usage(
    made: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "--kserve", "0.7.0") == 2
    assert capsys.readouterr().err.startswith("error: --kserve 0.7.0: there is no such kserve")
    assert made == []


def test_what_cannot_be_made_is_told(
    made: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def of_lock(_: Lock) -> NoReturn:
        raise Unprovisioned("Python 3.11 is lacking: install it")

    monkeypatch.setattr(provision, "of_lock", of_lock)
    assert call(monkeypatch, "--kserve", "0.13.1") == 3
    assert capsys.readouterr().err == "error: Python 3.11 is lacking: install it\n"
