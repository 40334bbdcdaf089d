"""``kserve-conformance run``, as a person uses it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from kserve_conformance import VERSION, catalogue, requirements, summary
from kserve_conformance.asking import transcript
from kserve_conformance.commands.cli import main
from kserve_conformance.results import results_file
from kserve_conformance.results.verdict import Verdict

from tests.servers import RightServer, state
from tests.servers.http import Answer, Handler, Request
from tests.servers.wrong.faults import change_answers, change_documents
from tests.servers.wrong.headers import sends_a_body_with_a_head


def command(server: RightServer, *more: str) -> list[str]:
    """Give what judges all of a server, as `main` takes it."""
    target = ["--target", server.url, "--grpc-target", server.grpc_target, "--model", state.MODEL]
    known = ["--not-ready-model", state.NOT_READY, "--spare-model", state.SPARE]
    return ["run", *target, *known, *more]


def test_a_right_server_conforms(
    server: RightServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(server, "--strict", "--out", str(tmp_path))) == 0
    told = capsys.readouterr().out
    assert "v1: conforms\nv2: conforms\ngrpc: conforms\n" in told
    run = results_file.read(tmp_path / "results.jsonl")
    assert [record.check for record in run.records] == list(catalogue.load())
    assert run.exit_code() == 0
    assert run.header.suite == VERSION
    assert "| v2 | **conforms** |" in (tmp_path / "claim.md").read_text()
    assert (tmp_path / "junit.xml").exists()
    assert {each.check for each in transcript.read(tmp_path / "transcript.jsonl")} <= (
        catalogue.load().keys()
    )


def test_a_departure_teaches(
    server: RightServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_documents(server, "/v2", lambda told: told.pop("extensions", None) and None)
    code = main(command(server, "--check", "V2-META-001", "--out", str(tmp_path)))
    assert code == 1
    told = capsys.readouterr().out
    statement = catalogue.load()["V2-META-001"]
    for part in (
        "V2-META-001 (MUST, profile v2)",
        statement.sentence,
        str(statement.source),
        statement.source.address,
        statement.usual_cause,
        f"curl -sS -i -X GET --path-as-is {server.url}/v2 ",
        '{"name": "right-server", "version": "1.0"}',
    ):
        assert part in told
    (record,) = results_file.read(tmp_path / "results.jsonl").records
    assert record.verdict == "failed"
    assert server.url in record.evidence["exchanges"][0]["request"]


def test_a_server_writes_neither_into_the_terminal_nor_into_the_claim(
    server: RightServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "![x](http://evil/p.png) \x1b[2J\u202e\r\n::error ::x password=s3cret"

    def change(told: dict[str, Any]) -> None:
        told.update({"name": said, "version": said, "outputs": said})

    change_documents(server, "/v2", change)
    main(command(server, "--profile", "v2", "--out", str(tmp_path)))
    told, claim = capsys.readouterr().out, (tmp_path / "claim.md").read_text()
    for text in (told, claim):
        assert "evil" in text
        assert "s3cret" not in text
        assert not {"\x1b", "\u202e", "\r"} & set(text)
    assert not [line for line in told.splitlines() if line.lstrip().startswith("::")]
    assert "![x]" not in claim


def test_what_the_summary_leaves_out_is_in_the_files_and_shown_when_asked_for(
    server: RightServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_answers(server, "/v2", lambda *_: Answer.error(500, "\x1b[2J password=s3cret"))
    arguments = command(server, "--profile", "v2", "--out", str(tmp_path))
    assert main(arguments) == 1
    told = capsys.readouterr().out.splitlines()
    assert len(told) <= summary.LONGEST
    assert not [line for line in told if "curl " in line]
    failed = [
        each.check
        for each in results_file.read(tmp_path / "results.jsonl").records
        if each.verdict is Verdict.FAILED
    ]
    written = (tmp_path / "departures.txt").read_text()
    assert re.findall(r"^(\S+) \(", written, re.MULTILINE) == failed
    assert "\n  request   curl " in written
    assert not re.findall("s3cret|\x1b", written)
    main([*arguments, "-v"])
    assert capsys.readouterr().out.startswith((tmp_path / "departures.txt").read_text())


def test_requests_name_their_check(server: RightServer, tmp_path: Path) -> None:
    seen: list[dict[str, str]] = []

    async def keep(request: Request, proceed: Handler) -> Answer:
        seen.append(request.headers)
        return await proceed(request)

    server.rest_fault = keep
    main(command(server, "--check", "V2-META-001", "--out", str(tmp_path)))
    assert seen[-1]["x-request-id"] == "V2-META-001-1"
    assert seen[-1]["user-agent"] == f"kserve-conformance/{VERSION} (V2-META-001)"
    assert seen[0]["user-agent"] == f"kserve-conformance/{VERSION} (detection)"


def test_a_must_that_cannot_be_checked_makes_the_claim_partial(
    server: RightServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def hide(request: Request, answer: Answer) -> Answer | None:
        return Answer.error(404, "no index") if request.path.endswith("/index") else None

    change_answers(server, "/v2/repository", hide)
    arguments = ["run", "--target", server.url, "--model", state.MODEL, "--out", str(tmp_path)]
    assert main([*arguments, "--profile", "v2", "--check", "V2-HEALTH"]) == 0
    assert "MUST not checked: no model is known that isn't ready" in capsys.readouterr().out
    code = main([*arguments, "--profile", "v2", "--strict"])
    told = capsys.readouterr().out
    assert "v2: partial" in told
    assert code == 1


def test_what_is_not_offered_is_unsupported(
    server: RightServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_answers(server, "/v1", lambda *_: Answer.error(404, "no V1 here"))
    arguments = ["run", "--target", server.url, "--model", state.MODEL, "--out", str(tmp_path)]
    assert main([*arguments, "--check", "V1-PREDICT"]) == 0
    main(arguments)
    told = capsys.readouterr().out
    assert "v1: not offered: no V1 request that was tried is answered" in told
    assert "grpc: not offered: no gRPC address was given" in told


def test_what_is_claimed_and_not_there_fails(server: RightServer, tmp_path: Path) -> None:
    change_answers(server, "/v1", lambda *_: Answer.error(404, "no V1 here"))
    code = main(command(server, "--profile", "v1", "--out", str(tmp_path)))
    assert code == 1


def test_an_extension_that_is_declared_and_not_there_fails(
    server: RightServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = command(server, "--check", "V2-REPO-001", "--out", str(tmp_path))

    async def without(request: Request, proceed: Handler) -> Answer:
        if "/repository" in request.path:
            return Answer.error(404, "no repository")
        answer = await proceed(request)
        if request.path == "/v2" and not declared:
            answer.put({**answer.document(), "extensions": []})
        return answer

    server.rest_fault = without
    declared = True
    assert main(arguments) == 1
    declared = False
    assert main(arguments) == 0
    assert "1 checks: 1 unsupported" in capsys.readouterr().out


def test_a_model_is_asked_by_what_its_metadata_say(server: RightServer, tmp_path: Path) -> None:
    bodies: list[Any] = []

    async def describe(request: Request, proceed: Handler) -> Answer:
        if request.path.endswith("/infer"):
            bodies.append(json.loads(request.body.split(b"}]}")[0] + b"}]}"))
        answer = await proceed(request)
        if request.path == f"/v2/models/{state.MODEL}":
            inputs = [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]
            answer.put({**answer.document(), "inputs": inputs})
        return answer

    server.rest_fault = describe
    main(command(server, "--check", "V2-INFER-001", "--out", str(tmp_path)))
    assert bodies[-1]["inputs"] == [
        {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [0.5, 0.5]}
    ]


def test_a_model_is_asked_by_the_payloads_of_its_owner(server: RightServer, tmp_path: Path) -> None:
    bodies: list[Any] = []

    async def keep(request: Request, proceed: Handler) -> Answer:
        if request.path.endswith(":predict"):
            bodies.append(json.loads(request.body))
        return await proceed(request)

    server.rest_fault = keep
    payloads = tmp_path / "payloads.json"
    payloads.write_text('{"v1": {"instances": ["mine"]}}')
    more = ("--check", "V1-PREDICT-001", "--payloads", str(payloads), "--out", str(tmp_path))
    main(command(server, *more))
    assert {"instances": ["mine"]} in bodies


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--model", "m"], "--target is missing"),
        (["--target", "http://127.0.0.1:9"], "--model is missing"),
        (["--target", "127.0.0.1:9", "--model", "m"], "expected http://HOST:PORT"),
        (["--target", "http://h:x", "--model", "m"], "expected http://HOST:PORT"),
        (["--target", "http://[::1", "--model", "m"], "expected http://HOST:PORT"),
        (["--target", "http://u:secret@h:9", "--model", "m"], "a password in the address would be"),
        (["--target", "http://h:9", "--model", "m/n"], "can't be put into a path"),
        (["--target", "http://h:9", "--model", "m", "--profile", "grpc"], "needs --grpc-target"),
        (["--target", "http://h:9", "--model", "m", "--grpc-target", "h"], "expected HOST:PORT"),
        (["--target", "http://h:9", "--model", "m", "--payloads", "nowhere"], "can't be read"),
        (["--target", "http://h:9", "--model", "m", "--check", "V3"], "has an id that begins so"),
        (["--target", "http://h:9", "--model", "m", "--suite-version", "7.0"], "there are 1.0"),
    ],
)
def test_wrong_usage_is_a_sentence(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert told in said


def test_payloads_that_break_their_schema_are_told_with_their_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    payloads = tmp_path / "payloads.json"
    payloads.write_text('{"v2": {"inputs": [{"name": "x"}]}}')
    target = ["--target", "http://h:9", "--model", "m"]
    assert main(["run", *target, "--payloads", str(payloads)]) == 2
    assert "v2.inputs[0]: 'shape' is a required property" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ('{"name": "x", "datatype": "INT32", "shape": [1], "data": ["a"]}', "are no INT32"),
        ('{"name": "x", "datatype": "INT32", "shape": [2], "data": [1]}', "1 elements, where"),
    ],
)
def test_payloads_that_cannot_be_sent_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], inputs: str, told: str
) -> None:
    payloads = tmp_path / "payloads.json"
    payloads.write_text(f'{{"v2": {{"inputs": [{inputs}]}}}}')
    target = ["--target", "http://h:9", "--model", "m"]
    assert main(["run", *target, "--payloads", str(payloads)]) == 2
    said = capsys.readouterr().err
    assert "v2.inputs[0]: " in said
    assert told in said


def test_nobody_at_the_address_is_a_sentence(
    server: RightServer, capsys: pytest.CaptureFixture[str]
) -> None:
    # Port 9 is "discard": nothing answers there.
    assert main(["run", "--target", "http://127.0.0.1:9", "--model", "m"]) == 3
    assert "nothing answers at http://127.0.0.1:9" in capsys.readouterr().err
    arguments = ["run", "--target", server.url, "--model", state.MODEL, "--answer-timeout", "0.5"]
    assert main([*arguments, "--grpc-target", "127.0.0.1:9"]) == 3
    assert "nothing answers at --grpc-target 127.0.0.1:9" in capsys.readouterr().err


def test_a_mistyped_model_is_no_success(
    server: RightServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", "--target", server.url, "--model", "contarct", "--out", str(tmp_path)]
    assert main(arguments) == 3
    assert "nothing to judge for the model 'contarct'" in capsys.readouterr().err


def test_some_of_the_checks_make_no_claim(server: RightServer, tmp_path: Path) -> None:
    for name in ("claim.md", "badge.svg", "badge.json"):
        (tmp_path / name).write_text("of a run before")
    more = ("--check", "V2-META-001", "--strict", "--out", str(tmp_path))
    assert main(command(server, *more)) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "results.jsonl",
        "junit.xml",
        "departures.txt",
        "transcript.jsonl",
    }


def test_a_claim_says_by_which_version_and_payloads_it_was_made(
    server: RightServer, tmp_path: Path
) -> None:
    payloads = tmp_path / "payloads.json"
    payloads.write_text('{"v1": {"instances": ["mine"]}}')
    more = ("--profile", "v1", "--payloads", str(payloads), "--out", str(tmp_path))
    for version in ("1.0", VERSION):
        main(command(server, *more, "--suite-version", version))
        text = (tmp_path / "claim.md").read_text()
        assert f"--payloads {payloads} --profile v1 --suite-version {version}" in text
        is_frozen = version in requirements.versions()
        assert ("it is under development" in text) is not is_frozen


def test_answers_that_no_file_can_hold_leave_a_run_whole(
    server: RightServer, tmp_path: Path
) -> None:
    """Half of a surrogate pair, a heading in a name, a number that is none, and no end of lists."""

    async def strange(request: Request, proceed: Handler) -> Answer:
        answer = await proceed(request)
        if request.path == "/v2":
            answer.body = b'{"name": "\\ud800", "version": "1\\n# v2", "extensions": "\\ud800"}'
        if request.path == "/v2/models":
            answer.body = b"[" * 600 + b"]" * 600
            answer.headers["inference-header-content-length"] = "\xb2"
        return answer

    server.rest_fault = strange
    assert main(command(server, "--profile", "v2", "--out", str(tmp_path))) == 1
    assert (tmp_path / "claim.md").read_text().startswith("# \N{REPLACEMENT CHARACTER} 1 # v2\n")
    assert results_file.read(tmp_path / "results.jsonl").footer is not None
    ElementTree.parse(tmp_path / "junit.xml")
    transcript.read(tmp_path / "transcript.jsonl")


def test_the_requirements_have_a_version() -> None:
    assert requirements.load(VERSION).keys() == catalogue.load().keys()
    older = [each.id for each in catalogue.load().values() if each.since == "1.0"]
    assert list(requirements.load("1.0")) == older


def test_an_older_version_judges_by_what_it_had(
    server: RightServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that breaks what came later conforms to it as before."""
    change_documents(server, "/infer", lambda told: told.update(model_version=1))
    more = ("--profile", "v2", "--out", str(tmp_path))
    assert main(command(server, *more, "--suite-version", "1.0")) == 0
    assert "v2: conforms" in capsys.readouterr().out
    assert main(command(server, *more)) == 1
    assert "V2-INFER-045 (MUST): " in capsys.readouterr().out


def test_a_departure_from_http_is_told_beside_the_claim(
    server: RightServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By 1.0 it is one from the protocol, as before."""
    sends_a_body_with_a_head(server)
    more = ("--profile", "v2", "--out", str(tmp_path))
    assert main(command(server, *more)) == 0
    told = capsys.readouterr().out
    assert "v2: conforms\ndeparts from HTTP (RFC 9110): v2 1 MUST\n" in told
    claim = (tmp_path / "claim.md").read_text()
    assert "| v2 | **conforms** |" in claim
    badge = json.loads((tmp_path / "badge.json").read_text())
    assert badge["message"] == "v2: conforms, departs from HTTP (RFC 9110)"
    assert "## v2: departs from HTTP (RFC 9110): MUST\n\n- **V2-HEADER-003** " in claim
    (record,) = [
        each
        for each in results_file.read(tmp_path / "results.jsonl").records
        if each.verdict is Verdict.FAILED
    ]
    assert (record.check, record.family, record.binding) == ("V2-HEADER-003", "http", False)
    assert main(command(server, *more, "--strict")) == 1
    assert main(command(server, *more, "--suite-version", "1.0")) == 1
    assert "v2: departs\n" in capsys.readouterr().out
