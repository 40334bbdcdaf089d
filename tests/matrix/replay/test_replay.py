"""What is replayed, on what, and how then and now compare, on real results."""

from __future__ import annotations

import dataclasses
import hashlib
import shlex
import subprocess
from pathlib import Path
from typing import Any, NoReturn

import pytest
from kserve_conformance.results import results_file
from kserve_conformance.results.record import Exchange, Record, Run
from kserve_conformance.results.verdict import Unprovisioned, Verdict

from fixtures import torchserve
from fixtures.torchserve import RuntimeUnavailable
from matrix.commands import cli
from matrix.environments import locking, own_requirements, past_locks
from matrix.planning import axes
from matrix.replay import conditions, replaying
from matrix.replay.replaying import PastCell, Replayed, ReplayError, Sameness
from matrix.results import last_exchange
from matrix.results.attempts import Attempts
from matrix.results.last_exchange import Address
from tests.matrix import real_results

CELL = "kserve0.11.2-unset-kserve-torchserve0.12.0"
OURS = "kserve0.9.0-unset-kserve-torchserve0.12.0"
WRONG_DIGEST = "0" * 64


@pytest.fixture
def past(unfixed_run: Run) -> PastCell:
    """Give the cell in which the original bug shows."""
    return replaying.find(unfixed_run, CELL)


@pytest.fixture
def known_torchserve(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this machine know every image."""
    monkeypatch.setattr(torchserve, "is_here", lambda *_: True)


def with_header(past: PastCell, **members: Any) -> PastCell:
    """Give the cell as results with another header have it."""
    return dataclasses.replace(past, header=dataclasses.replace(past.header, **members))


def saying(record: Record, request: str, response: str = "500\n\nno") -> Record:
    """Give a record whose last exchange is another."""
    exchange: Exchange = {"request": request, "response": response}
    return dataclasses.replace(record, evidence={"exchanges": [exchange]})


def test_what_was_not_as_expected_is_replayed(past: PastCell) -> None:
    checks = replaying.chosen(past, [])
    assert {"v1-predict", "model-ready"} <= set(checks)
    assert "starts" not in checks


def test_all_is_replayed_where_all_was_as_expected(default_run: Run) -> None:
    ours = replaying.find(default_run, OURS)
    assert replaying.chosen(ours, []) == list(ours.planned)


def test_a_statement_can_be_asked_for(past: PastCell) -> None:
    assert replaying.chosen(past, ["V1-HEALTH-002"]) == ["V1-HEALTH-002"]


def test_a_check_that_the_cell_does_not_have_is_refused(past: PastCell) -> None:
    with pytest.raises(ReplayError, match="--check v2-infer: the results have no such check"):
        replaying.chosen(past, ["v2-infer"])


def test_a_cell_that_the_results_do_not_have_is_refused(unfixed_run: Run) -> None:
    with pytest.raises(ReplayError, match=r"no cell kserve0\.1; they have kserve0\.10\.2-"):
        replaying.find(unfixed_run, "kserve0.1")


def test_of_several_attempts_the_one_that_failed_is_compared(past: PastCell) -> None:
    failed = past.attempts["v1-predict"].records[0]
    passed = dataclasses.replace(failed, verdict=Verdict.PASSED, attempt=2)
    flaky = dataclasses.replace(past, attempts={"v1-predict": Attempts.of([passed, failed])})
    assert flaky.record("v1-predict") is failed
    assert flaky.unexpected() == ["v1-predict"]


def test_then_and_now_are_compared_by_verdict_and_words(past: PastCell) -> None:
    then = saying(past.attempts["v1-predict"].records[0], "curl x", "500\n\nat 127.0.0.1:30500")
    again = saying(then, "curl x", "500\nserver: uvicorn\n\nat 127.0.0.1:31717")
    other = saying(then, "curl x", "500\n\nanother error")
    mended = dataclasses.replace(then, verdict=Verdict.PASSED, message="")
    cases = [
        (again, Sameness.REPRODUCED),
        (other, Sameness.OTHER_WORDS),
        (mended, Sameness.NOT_REPRODUCED),
        (None, Sameness.MISSING),
    ]
    for now, sameness in cases:
        assert Replayed("v1-predict", then, now).sameness is sameness
    assert Replayed("v1-predict", None, again).sameness is Sameness.NEW


def test_what_fails_only_now_is_told_as_well(past: PastCell, unfixed_run: Run) -> None:
    compared = replaying.compare(past, ["starts"], unfixed_run)
    assert [each.check for each in compared] == ["starts", *past.unexpected()]


@pytest.mark.usefixtures("known_torchserve")
def test_the_same_ground_is_the_image_by_its_digest_and_the_kept_lock(
    past: PastCell, tmp_path: Path
) -> None:
    digest = locking.find(axes.load().release("0.11.2")).digest
    found = conditions.find(with_header(past, locks={"0.11.2": digest}), tmp_path)
    assert found.differences == ()
    assert (found.runtime, found.lock) == ("container", None)
    assert found.image == past.torchserve_identity
    assert str(found.image).startswith("sha256:")


@pytest.mark.usefixtures("known_torchserve")
def test_a_lock_that_no_commit_has_is_a_difference(past: PastCell, tmp_path: Path) -> None:
    def told(commit: str | None) -> str:
        changed = with_header(past, locks={"0.11.2": WRONG_DIGEST}, commit=commit)
        return " ".join(conditions.find(changed, tmp_path).differences)

    assert "(`git fetch origin 1234abc`)" in told("1234abc-dirty")
    assert "the results name no commit" in told(None)
    assert "nor is that of the commit HEAD, which was run with changes" in told("HEAD-dirty")


@pytest.mark.usefixtures("known_torchserve")
def test_the_lock_of_a_wrappers_requirements_is_the_one_that_the_run_has_left(
    past: PastCell, tmp_path: Path
) -> None:
    left = tmp_path / "locks" / "kserve-0.11.2.txt"
    left.parent.mkdir()
    left.write_text("then")
    digest = hashlib.sha256(b"then").hexdigest()
    changed = with_header(past, locks={"0.11.2": digest}, requirements=["roman"])
    found = conditions.find(changed, tmp_path, beside=left.parent)
    assert (found.differences, found.lock) == ((), left)


@pytest.mark.usefixtures("known_torchserve")
def test_requirements_that_cant_be_had_now_are_a_difference(
    past: PastCell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> NoReturn:
        raise Unprovisioned("KServe 0.11.2 can't have the wrapper's requirement roman")

    monkeypatch.setattr(own_requirements, "make", none)
    changed = with_header(past, locks={"0.11.2": WRONG_DIGEST}, requirements=["roman"])
    found = conditions.find(changed, tmp_path, beside=tmp_path / "none")
    assert found.differences == ("KServe 0.11.2 can't have the wrapper's requirement roman",)


@pytest.mark.usefixtures("known_torchserve")
def test_a_lock_that_has_changed_is_taken_from_the_commit_of_the_results(
    past: PastCell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    lock = repository / "locks" / "kserve-0.11.2.txt"
    lock.parent.mkdir(parents=True)
    lock.write_text("then")
    for words in ("init -q", "add .", "-c user.name=n -c user.email=e commit -q -m then"):
        subprocess.run(["git", *words.split()], cwd=repository, check=True)
    lock.write_text("now")
    monkeypatch.setattr(past_locks, "REPOSITORY", repository)
    monkeypatch.setattr(locking, "path_of", lambda _: lock)
    digest = hashlib.sha256(b"then").hexdigest()
    found = conditions.find(
        with_header(past, locks={"0.11.2": digest}, commit="HEAD"), tmp_path / "taken"
    )
    assert found.differences == ()
    assert found.lock is not None
    assert found.lock.read_text() == "then"


def test_an_image_that_is_not_here_is_a_difference(
    past: PastCell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torchserve, "is_here", lambda *_: False)
    found = conditions.find(past, tmp_path)
    assert found.image is None
    assert "it was built elsewhere, or removed since" in found.differences[0]


def test_a_process_instead_of_a_container_is_a_difference(
    past: PastCell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bool:
        raise RuntimeUnavailable("no container engine answers")

    monkeypatch.setattr(torchserve, "is_here", refuse)
    found = conditions.find(past, tmp_path)
    assert found.runtime == "process"
    assert found.differences[0].endswith("as a process here: no container engine answers")


@pytest.mark.usefixtures("known_torchserve")
def test_a_model_class_that_is_not_here_is_a_difference(past: PastCell, tmp_path: Path) -> None:
    wrapper = {**past.header.wrapper, "constructor": "/nowhere/mine.py:Mine"}
    found = conditions.find(with_header(past, wrapper=wrapper), tmp_path)
    assert found.constructor is None
    assert "the wrapper's model class is in /nowhere/mine.py, which isn't here" in found.differences


def secretly(past: PastCell, command: str = "env HF_TOKEN=*** {python} -m wrapper") -> PastCell:
    """Give the cell as results have it that left a secret out of the wrapper's command."""
    return with_header(past, wrapper={**past.header.wrapper, "command": command})


@pytest.mark.usefixtures("known_torchserve")
def test_a_command_that_lacks_a_secret_must_be_given(past: PastCell, tmp_path: Path) -> None:
    whole = "env HF_TOKEN=s3cret {python} -m wrapper"
    with pytest.raises(ReplayError, match=r"holds \*\*\* .* give the whole command with --wrapper"):
        conditions.find(secretly(past), tmp_path)
    found = conditions.find(secretly(past), tmp_path, whole)
    assert found.command == whole
    assert not [each for each in found.differences if "command" in each]


@pytest.mark.usefixtures("known_torchserve")
def test_another_command_is_a_difference(past: PastCell, tmp_path: Path) -> None:
    assert conditions.find(past, tmp_path).command == past.header.wrapper["command"]
    found = conditions.find(past, tmp_path, "env HF_TOKEN=s3cret mine")
    assert found.command == "env HF_TOKEN=s3cret mine"
    (told,) = [each for each in found.differences if "command" in each]
    assert told.endswith("and --wrapper is env HF_TOKEN=*** mine")


def of_image(past: PastCell) -> PastCell:
    """Give the cell as results of an image under test have it."""
    found = {"image": "mine:1", "digest": "sha256:1", "kserve": "0.13.1", "torchserve": "0.12.0"}
    wrapper = {"name": "mine:1", "command": "", "constructor": None, **found}
    return with_header(past, wrapper=wrapper, locks={})


@pytest.mark.parametrize("is_here", [True, False])
def test_an_image_is_taken_by_its_digest_where_it_is_here(
    past: PastCell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_here: bool
) -> None:
    monkeypatch.setattr(torchserve, "is_here", lambda *_: is_here)
    found = conditions.find(of_image(past), tmp_path)
    assert (found.runtime, found.command, found.lock) == ("container", None, None)
    assert found.subject_image == ("sha256:1" if is_here else "mine:1")
    told = "the image under test was sha256:1, which this machine doesn't have: what mine:1 is"
    assert [each.startswith(told) for each in found.differences] == [True] * (not is_here)


def test_an_image_takes_no_command(past: PastCell, tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="the results are of the image mine:1: leave the option"):
        conditions.find(of_image(past), tmp_path, "mine")


def test_replay_says_that_the_command_must_be_given(
    unfixed_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrapper = {**unfixed_run.header.wrapper, "command": "env HF_TOKEN=s3cret {python} -m w"}
    header = dataclasses.replace(unfixed_run.header, wrapper=wrapper)
    path = tmp_path / "results.jsonl"
    results_file.write(path, dataclasses.replace(unfixed_run, header=header))
    assert cli.main(["replay", CELL, f"--results={path}", f"--out={tmp_path / 'out'}"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: the wrapper's command in the results, env HF_TOKEN=***")
    assert "--wrapper" in said


@pytest.mark.parametrize(
    ("line", "readdressed"),
    [
        (
            "curl -sS -i -X GET --path-as-is http://127.0.0.1:30500/v2 -d http://127.0.0.1:30500/",
            "curl -sS -i -X GET --path-as-is http://127.0.0.1:1/v2 -d http://127.0.0.1:30500/",
        ),
        (
            "printf x | curl --path-as-is 'http://127.0.0.1:30500/v2?a=b' --data-binary @-",
            "printf x | curl --path-as-is 'http://127.0.0.1:1/v2?a=b' --data-binary @-",
        ),
        ("printf x | nc 127.0.0.1 30500", "printf x | nc 127.0.0.1 1"),
        (
            "grpcurl -d '{}' 127.0.0.1:30501 inference.GRPCInferenceService/ServerLive",
            "grpcurl -d '{}' 127.0.0.1:2 inference.GRPCInferenceService/ServerLive",
        ),
        (
            "printf x | curl --http2-prior-knowledge --path-as-is http://127.0.0.1:30501/a",
            "printf x | curl --http2-prior-knowledge --path-as-is http://127.0.0.1:2/a",
        ),
    ],
)
def test_a_line_goes_to_the_wrapper_that_runs(line: str, readdressed: str) -> None:
    assert last_exchange.readdressed(line, Address(1, 2)) == readdressed


def test_every_line_of_real_results_can_be_read_by_a_shell_and_readdressed(
    unfixed_run: Run,
) -> None:
    lines = [line for each in unfixed_run.records if (line := last_exchange.of(each))]
    assert len(lines) > 100
    for line in lines:
        if not last_exchange.lacks(line):
            shlex.split(line)
            moved = last_exchange.readdressed(line, Address(1, 2))
            assert moved != line, line


TOO_LONG = "its body is too long to be kept in results: put one like it into a file BODY"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "curl http://h -H 'authorization: ***'",
            "a secret was taken out of it, and *** stands there: put yours in",
        ),
        ("curl http://h --data-binary @BODY   # 6600019 bytes", TOO_LONG),
        ("grpcurl -d @ h:1 m < BODY   # 6600019 characters of JSON", TOO_LONG),
        (
            "curl http://h --data-binary 'x... (9000 characters)",
            "it is cut off, as it is too long to be kept in results",
        ),
    ],
)
def test_what_a_line_lacks_is_said(line: str, said: str) -> None:
    assert last_exchange.lacks(line) == [said]
    assert last_exchange.lacks("curl http://h") == []


def test_evidence_that_is_no_line_gives_none(past: PastCell) -> None:
    record = past.attempts["v1-predict"].records[0]
    assert last_exchange.of(saying(record, "GET /v2")) is None
    assert last_exchange.answer_of(saying(record, "x", "500\na: b\n\n{}")) == "500 {}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["kserve0.1"], "the results have no cell kserve0.1"),
        ([CELL, "--check=nothing"], "--check nothing: the results have no such check"),
    ],
)
def test_wrong_usage_is_2(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [f"--results={real_results.path('unfixed')}", f"--out={tmp_path}"]
    assert cli.main(["replay", *arguments, *given]) == 2
    assert capsys.readouterr().err.startswith(f"error: {said}")


def test_results_that_cannot_be_read_are_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["replay", CELL, f"--results={tmp_path}"]) == 2
    assert "results.jsonl can't be read: No such file" in capsys.readouterr().err


def test_what_is_replayed_is_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["replay", CELL, f"--results={tmp_path}", f"--out={tmp_path}"]) == 2
    assert "would overwrite what is replayed" in capsys.readouterr().err
