"""The command line: what a user's mistake is told, and what is run without running anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from kserve_conformance.errors import ExitCode

from drill import running
from drill.commands import cli
from drill.results import AS_WANTED, NOT_AS_WANTED, Drill, Result
from drill.results import ERROR as FAILED
from tests.drill.test_results import FIGURES, SEEN


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--row", "worker-kiled"), "no row has this name: did you mean 'worker-killed'?"),
        (("--kserve", "0.99.0"), "KServe '0.99.0' is not in axes.toml"),
        (("--wrapper", ""), "--wrapper is empty"),
        (("--short", "--row", "slow-clients"), "this row has no short form"),
    ],
)
def test_a_users_mistake_is_one_sentence(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["run", "--list", *arguments]) == ExitCode.WRONG_USAGE
    told = capsys.readouterr().err
    assert said in told
    assert told.startswith("error: ")
    assert told.count("\n") == 1


def test_the_rows_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "--list", "--row", "idle"]) == 0
    assert capsys.readouterr().out.startswith("idle ")


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (AS_WANTED, ExitCode.AS_EXPECTED),
        (NOT_AS_WANTED, ExitCode.AGAINST_SUBJECT),
        (FAILED, ExitCode.NOT_KNOWN),
    ],
)
def test_a_run_tells_each_row_writes_both_files_and_ends_by_what_it_found(
    state: str,
    code: ExitCode,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = Result("idle", "0.13.1", state, figures=FIGURES, gateways=SEEN)
    monkeypatch.setattr(running, "run", lambda *_: iter([found]))
    assert cli.main(["run", "--out", str(tmp_path)]) == code
    told = capsys.readouterr()
    assert f"KServe 0.13.1, idle: {state} (0 s)" in told.err
    assert f"1 rows: 1 {state}" in told.out
    assert (tmp_path / "drill.md").read_text() in told.out
    assert Drill.read(tmp_path / "drill.json").results == [found]


def test_what_was_found_is_kept_where_a_run_is_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken_off(*_: object) -> object:
        yield Result("idle", "0.13.1", AS_WANTED)
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "run", broken_off)
    assert cli.main(["run", "--out", str(tmp_path)]) == ExitCode.NOT_KNOWN
    assert capsys.readouterr().err.endswith("error: interrupted\n")
    assert len(Drill.read(tmp_path / "drill.json").results) == 1
