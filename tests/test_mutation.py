"""Which modules a mutation run looks at, and what it makes of what became of their mutants."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from tests import mutation

_GATE = "matrix/gate/deciding.py"
_RESULTS = ("matrix/results/judging.py", "matrix/results/states.py")
_TEST = "tests/matrix/results/test_judging.py"
_SETTINGS = '[tool.mutmut]\npytest_add_cli_args_test_selection = ["tests/matrix/results/"]\n'
_KEPT = "conformance/kserve_conformance/results/record.py"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a checkout with a few modules on a branch that changed none of them yet."""
    monkeypatch.setattr(mutation, "REPOSITORY", tmp_path)
    for path in (_GATE, *_RESULTS, _TEST, _KEPT):
        _write(tmp_path / path, "was = True\n")
    _write(tmp_path / "pyproject.toml", _SETTINGS)
    _git(tmp_path, "init", "-q", "-b", "main")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-q", "-m", "all")
    _git(tmp_path, "switch", "-q", "-c", "branch")
    return tmp_path


def test_a_branch_that_changes_nothing_has_no_modules(checkout: Path) -> None:
    assert mutation.changed_since("main") == []


def test_a_changed_module_is_mutated_and_none_beside_it(checkout: Path) -> None:
    _write(checkout / _RESULTS[1], "was = False\n")
    assert mutation.changed_since("main") == [_RESULTS[1]]


def test_a_module_that_git_does_not_know_yet_is_mutated(checkout: Path) -> None:
    _write(checkout / "matrix/gate/added.py", "")
    assert mutation.changed_since("main") == ["matrix/gate/added.py"]


def test_of_changed_tests_every_module_is_mutated(checkout: Path) -> None:
    _write(checkout / _TEST, "was = False\n")
    assert mutation.changed_since("main") == [_KEPT, _GATE, *_RESULTS]


def test_the_tests_that_are_run_are_there() -> None:
    settings = tomllib.loads((mutation.REPOSITORY / "pyproject.toml").read_text())["tool"]["mutmut"]
    tests = settings["pytest_add_cli_args_test_selection"]
    assert [each for each in tests if not (mutation.REPOSITORY / each).exists()] == []


def test_what_main_changed_since_is_not_of_the_branch(checkout: Path) -> None:
    _git(checkout, "switch", "-q", "main")
    _write(checkout / _GATE, "was = False\n")
    _git(checkout, "commit", "-q", "-a", "-m", "of main")
    _git(checkout, "switch", "-q", "branch")
    assert mutation.changed_since("main") == []


def test_the_copy_has_the_suite_beside_the_wrapper(checkout: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    (checkout / _GATE).unlink()
    mutation.copy_to(copy)
    copied = {str(path.relative_to(copy)) for path in copy.rglob("*.py")}
    assert copied == {*_RESULTS, _TEST, "src/kserve_conformance/results/record.py"}


def test_modules_without_a_mutant_are_no_reason_to_try_all_others(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mutation, "mutants_of", lambda *_: [])
    assert mutation.main(["--least", "1", "--folder", str(checkout / "copy"), _GATE]) == 0
    assert capsys.readouterr().out == f"nothing in {_GATE} can be changed: there is no function\n"


@pytest.mark.parametrize(
    ("least", "code", "last"),
    [
        (75, 0, "all of them: 3 of 4 mutants killed, 75.0%"),
        (76, 1, "at least 76% have to be: write tests that kill some of those above"),
    ],
)
def test_fewer_killed_than_wanted_fail(
    least: float, code: int, last: str, capsys: pytest.CaptureFixture[str]
) -> None:
    states = {
        "matrix.gate.deciding.x_decide__mutmut_1": "killed",
        "matrix.gate.deciding.x_decide__mutmut_2": "survived",
        "matrix.gate.deciding.x_decide__mutmut_3": "timeout",
        "kserve_conformance.results.claim.x_claim__mutmut_1": "killed",
    }
    assert mutation.judge(states, least) == code
    printed = capsys.readouterr().out.splitlines()
    assert printed[:3] == [
        "survived: matrix.gate.deciding.x_decide__mutmut_2",
        "matrix/gate: 2 of 3 mutants killed, 66.7%",
        "conformance/kserve_conformance/results: 1 of 1 mutants killed, 100.0%",
    ]
    assert printed[-1] == last


@pytest.mark.parametrize("state", ["survived", "no tests", "suspicious", "not checked"])
def test_only_a_mutant_that_was_noticed_counts(state: str) -> None:
    name = "matrix.gate.deciding.x_decide__mutmut_1"
    assert mutation.judge({name: state}, 1) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["matrix/gate/none.py"], "mutation: matrix/gate/none.py: name a module of matrix/gate,"),
        (["matrix/cli.py"], "mutation: matrix/cli.py: name a module of matrix/gate,"),
        (["--since", "nowhere"], "mutation: git diff --name-only --merge-base nowhere --: fatal:"),
    ],
)
def test_wrong_usage_is_a_sentence_and_exit_code_2(
    checkout: Path, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(checkout / "matrix/cli.py", "")
    folder = str(checkout / "copy")
    assert mutation.main(["--least", "1", "--folder", folder, *arguments]) == 2
    told = capsys.readouterr().err
    assert told.startswith(sentence)
    assert told.count("\n") == 1


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _git(folder: Path, *words: str) -> None:
    known = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *known, *words], cwd=folder, check=True)
