"""The suite as an action and as a component: real steps, a right server and wrong ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.actions.jobs import on_github, on_gitlab, outputs
from tests.servers import RightServer, state
from tests.servers.wrong.faults import change_documents
from tests.servers.wrong.v1 import leaves_a_model_out_of_the_list

# The profile of which a claim takes least.
V1 = {"model": state.MODEL, "profile": "v1"}
# Words that a shell, YAML or a file of outputs might read as something else.
STRANGE = 'it\'s "a" $(touch injected) `touch injected` ; # & {x: y}'


@pytest.fixture
def server() -> Iterator[RightServer]:
    with servers.running() as server:
        yield server


def test_a_right_server_is_green_and_all_outputs_are_there(
    server: RightServer, tmp_path: Path
) -> None:
    ended = on_github("conformance", tmp_path, {**V1, "target": server.url})
    assert ended.code == 0, ended.log
    assert ended.outputs == outputs("conforms", "results/conformance", "claim.md")
    assert all((ended.folder / path).stat().st_size for path in list(ended.outputs.values())[1:])
    assert "| v1 | **conforms** |" in ended.summary
    assert (ended.folder / "results/conformance/badge.json").exists()


def test_a_wrong_server_is_red_and_all_outputs_are_there(
    server: RightServer, tmp_path: Path
) -> None:
    leaves_a_model_out_of_the_list(server)
    ended = on_github("conformance", tmp_path, {**V1, "target": server.url, "out": "my results"})
    assert ended.code == 1, ended.log
    assert ended.outputs == outputs("departs", "my results", "claim.md")
    assert "| v1 | **departs** |" in ended.summary


def test_what_is_partial_is_red_where_that_is_asked_for(
    server: RightServer, tmp_path: Path
) -> None:
    # No request is known that the model answers, so that most can't be checked.
    change_documents(server, ":predict", lambda told: told["predictions"])
    partial = {**V1, "target": server.url}
    for strict, code in (("false", 0), ("true", 1)):
        folder = tmp_path / strict
        folder.mkdir()
        ended = on_github("conformance", folder, {**partial, "strict": strict})
        assert (ended.code, ended.outputs["verdict"]) == (code, "partial"), ended.log


def test_inputs_are_words_whatever_they_hold_and_some_checks_make_no_claim(
    server: RightServer, tmp_path: Path
) -> None:
    strange = {"out": STRANGE, "header": f"X-Team: {STRANGE}"}
    some = {"check": " V1-PREDICT-001  V1-PREDICT-002 "}
    for run, prefix in ((on_github, ""), (on_gitlab, "conformance_")):
        folder = tmp_path / run.__name__
        folder.mkdir()
        ended = run("conformance", folder, {**V1, "target": server.url, **some, **strange})
        assert ended.code == 0, ended.log
        assert {key: value for key, value in ended.outputs.items() if value} == {
            f"{prefix}verdict": "kept",
            f"{prefix}results": f"{STRANGE}/results.jsonl",
        }
        assert "2 checks: 2 passed" in ended.log
        assert (ended.folder / STRANGE / "results.jsonl").exists()
        assert not list(tmp_path.rglob("injected"))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"target": "http://127.0.0.1:9", "model": ""}, "--model is missing"),
        ({"target": "http://127.0.0.1:9", "model": "m", "out": ""}, "out: name the folder"),
        ({"target": "http://127.0.0.1:9", "model": "m", "out": "."}, "out: . is there already"),
        ({"target": "http://127.0.0.1:9", "model": "m", "out": "a\nverdict=x"}, "is one line"),
    ],
)
def test_wrong_usage_is_told(given: dict[str, str], sentence: str, tmp_path: Path) -> None:
    ended = on_github("conformance", tmp_path, given)
    assert (ended.code, ended.outputs["verdict"]) == (2, "wrong-usage"), ended.log
    assert sentence in ended.log
    assert "Traceback" not in ended.log
    assert not ended.outputs["page"]


def test_a_server_that_is_not_there_is_not_judged(tmp_path: Path) -> None:
    ended = on_github("conformance", tmp_path, {**V1, "target": "http://127.0.0.1:9"})
    assert (ended.code, ended.outputs["verdict"]) == (3, "not-known"), ended.log
    assert "not-known" in ended.summary


def test_what_cannot_be_installed_says_nothing_of_a_server(tmp_path: Path) -> None:
    given = {**V1, "target": "http://127.0.0.1:9"}
    ended = on_github("conformance", tmp_path, given, pip_ends=1)
    assert (ended.code, ended.outputs["verdict"]) == (3, "not-known")
    assert "could not be installed; it takes Python 3.11 or later" in ended.log


def test_the_component_tells_the_same_of_a_wrong_server(
    server: RightServer, tmp_path: Path
) -> None:
    leaves_a_model_out_of_the_list(server)
    ended = on_gitlab("conformance", tmp_path, {**V1, "target": server.url, "out": "my results"})
    assert ended.code == 1, ended.log
    assert ended.outputs == outputs("departs", "my results", "claim.md", "conformance_")
    assert (ended.folder / "my results/junit.xml").exists()
