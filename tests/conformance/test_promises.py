"""What conformance/README.md promises to others is there, and what is there is promised."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from kserve_conformance import catalogue
from kserve_conformance.asking import transcript
from kserve_conformance.commands import cli, options
from kserve_conformance.results import badge, claim, results_file
from kserve_conformance.results.claim import Standing
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.run_folder import CLAIM, DEPARTURES, JUNIT, RESULTS

from tests.servers import RightServer, state
from tests.servers.wrong.faults import change_documents

README = Path(__file__).resolve().parents[2] / "conformance" / "README.md"
_IN_PYTEST = "pytest --pyargs kserve_conformance"


def _section(title: str) -> str:
    return README.read_text().partition(f"### {title}\n")[2].partition("\n### ")[0]


def _quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def _table(title: str) -> Mapping[str, list[str]]:
    """Give what a section's table quotes in its second column, by what it quotes in its first."""
    rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", _section(title), re.MULTILINE)
    assert rows
    return {first: _quoted(second) for first, second in rows}


def _sentence(title: str, beginning: str) -> list[str]:
    """Give what is quoted in the paragraph of a section that begins so."""
    (paragraph,) = re.findall(rf"^{beginning}[^|]*?\n\n", _section(title) + "\n\n", re.MULTILINE)
    return _quoted(paragraph)


def _help(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit):
        cli.main([*arguments, "--help"])
    return capsys.readouterr().out


def test_commands_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    promised = dict(_table("Commands and their options"))
    in_pytest: list[str] = []
    options.add(lambda name, **_: in_pytest.append(name))
    assert promised.pop(_IN_PYTEST) == in_pytest
    assert set(re.findall(r"^ {4}(\w+)", _help(capsys), re.MULTILINE)) == set(promised)
    for command, named in promised.items():
        told = re.findall(r"^  (?:-\w, )?(--[a-z-]+)", _help(capsys, command), re.MULTILINE)
        assert sorted(named) == sorted(set(told) - {"--help"}), command


def _codes(server: RightServer, out: Path) -> Iterator[tuple[str, int]]:
    target = ["run", "--target", server.url, "--model", state.MODEL]
    one = [*target, "--check", "V2-META-001", "--out", str(out)]
    yield "0", cli.main(one)
    change_documents(server, "/v2", lambda told: told.pop("extensions", None) and None)
    yield "1", cli.main(one)
    yield "2", cli.main(["run"])
    yield "3", cli.main(["run", "--target", "http://127.0.0.1:9", "--model", "m"])


def test_exit_codes(server: RightServer, tmp_path: Path) -> None:
    codes = dict(_codes(server, tmp_path))
    assert {name: int(name) for name in _table("Exit codes")} == codes


def test_the_schema_of_results() -> None:
    schema = json.loads(Path(results_file.__file__).with_name("results.schema.json").read_text())
    defined = schema["$defs"]
    lines = {each["$ref"].rpartition("/")[2] for each in schema["oneOf"]}
    assert _table("Results") == {line: defined[line]["required"] for line in lines}
    assert f"schema {results_file.SCHEMA_VERSION}." in _section("Results")
    assert _sentence("Results", "A verdict is") == [str(each) for each in Verdict]
    assert _sentence("Results", "The family that") == list(catalogue.families())
    assert set(_sentence("Results", "`run` writes")) >= {
        RESULTS,
        JUNIT,
        CLAIM,
        DEPARTURES,
        *badge.FILES,
        transcript.FILE_NAME,
    }


def test_the_lines_of_a_claim() -> None:
    standings = {str(each) for each in Standing}
    assert standings == set(_sentence("Claims", "`claim.md` is")) - {CLAIM}
    text = claim.markdown([], "VERSION", "a-server", ["x"], "DATE", {})
    (promised,) = re.findall(r"^```\n(.*?)^```", _section("Claims"), re.MULTILINE | re.DOTALL)
    assert promised.splitlines()
    assert [line for line in promised.splitlines() if line not in text.splitlines()] == []


def test_strategies() -> None:
    for name, names in _table("Strategies").items():
        module = importlib.import_module(f"kserve_conformance.strategies.{name}")
        assert [each for each in names if not callable(getattr(module, each, None))] == []
