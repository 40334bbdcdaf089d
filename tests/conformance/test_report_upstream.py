"""The text of an issue for another project: all that it needs, and nothing of who judged."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from kserve_conformance import catalogue, report_upstream
from kserve_conformance.commands.cli import main
from kserve_conformance.report_upstream import MOST_LINES, fingerprint, for_anybody
from kserve_conformance.results import results_file
from kserve_conformance.text import gfm

from tests.servers import RightServer, state
from tests.servers.http import Answer, Request
from tests.servers.wrong.faults import change_answers, change_documents

ID = "V2-ERROR-003"
TOKEN = "n4Tf0Lr2Bd"


def _judged(server: RightServer, out: Path, *more: str) -> Path:
    grpc = ["--grpc-target", server.grpc_target]
    way = ["--target", server.url, *grpc, "--model", state.MODEL, "--out", str(out)]
    assert main(["run", *way, *more]) in (0, 1)
    return out


def _tell_at_length(server: RightServer) -> None:
    def change(request: Request, answer: Answer) -> Answer | None:
        told = "".join(f"at line {number} of {TOKEN} in `app`\n" for number in range(500))
        return Answer(404, told.encode()) if "no-such-path" in request.path else None

    change_answers(server, "/v2", change)


def _issue(capsys: pytest.CaptureFixture[str], claim: Path, statement: str = ID) -> str:
    capsys.readouterr()
    assert main(["issue", str(claim), statement]) == 0
    return capsys.readouterr().out


def test_an_issue_stands_on_its_own(
    server: RightServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _tell_at_length(server)
    (tmp_path / "headers.txt").write_text(f"Authorization: Bearer {TOKEN}\nHost: inner.corp:8443\n")
    way = ["--header-file", str(tmp_path / "headers.txt"), "--profile", "v2"]
    out = _judged(server, tmp_path / "run", *way)
    told = _issue(capsys, out / "claim.md")
    statement = catalogue.load()[ID]
    assert len(told.splitlines()) <= MOST_LINES
    for part in (
        "# right-server 1.0: A path below /v2",
        "by kserve-conformance 1.1.\nJudged with Python 3",
        f"Source: {gfm.text(str(statement.source))}",
        "curl -sS -i -X GET --path-as-is http://localhost:8080/v2/conformance-no-such-path\n",
        "```\n404\n",
        "at line 3 of *** in `app`",
        "the body of the answer 404 is no JSON",
        gfm.text(statement.usual_cause),
        f"{ID}, fingerprint {fingerprint('Right-Server 2.0', ID)}\n",
    ):
        assert part in told, part
    for kept in (TOKEN, "inner.corp", "headers.txt", "127.0.0.1", str(server.http_port)):
        assert kept not in told, kept


def test_each_departure_gives_an_issue(
    server: RightServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def strip(_: Request, answer: Answer) -> None:
        answer.headers["content-type"] = "text/plain"
        answer.body = answer.body[:-1]

    change_answers(server, "/", strip)
    server.grpc_fault = lambda _, request, proceed: type(proceed(request))()
    out = _judged(server, tmp_path, "--profile", "v2", "--profile", "grpc")
    failed = [
        each.check
        for each in results_file.read(out / "results.jsonl").records
        if each.verdict == "failed"
    ]
    assert {each.partition("-")[0] for each in failed} == {"V2", "GRPC"}
    for each in failed:
        told = _issue(capsys, out, each)
        assert len(told.splitlines()) <= MOST_LINES
        assert "127.0.0.1" not in told
        assert any(f"localhost{sign}808" in told for sign in ": "), told


def test_its_line_shows_the_departure(server: RightServer, tmp_path: Path) -> None:
    change_documents(server, "/v2", lambda told: told.pop("extensions", None) and None)
    out = _judged(server, tmp_path, "--check", "V2-META-001")
    told = report_upstream.text(out, "V2-META-001")
    line = told.partition("```sh\n")[2].partition("\n```")[0]
    assert line.startswith("curl ")
    line = line.replace("localhost:8080", server.url.removeprefix("http://"))
    answer = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert answer.stdout.endswith('{"name": "right-server", "version": "1.0"}')


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            (
                "curl -sS -i --http1.1 -X GET --path-as-is https://in.corp/a/b/v2 --cacert ca.crt "
                "--cert 'my cert' --connect-to ::10.0.0.1:443 -H 'cookie: ***' -H @h.txt -H 'a: b'"
            ),
            "curl -sS -i -X GET --path-as-is http://localhost:8080/v2 -H 'a: b'",
        ),
        (
            (
                "printf '\\000' | curl -sS -i --http2 -X POST --path-as-is https://in.corp/x.Y/Z "
                "--proxy http://p:1 --proxytunnel --data-binary @-"
            ),
            (
                "printf '\\000' | curl -sS -i --http2-prior-knowledge -X POST --path-as-is "
                "http://localhost:8081/x.Y/Z --data-binary @-"
            ),
        ),
        (
            (
                "HTTPS_PROXY=http://p:1 grpcurl -cacert ca.crt -authority in.corp "
                "-H \"$(sed -n 1p h.txt)\" -protoset p -H 'x-request-id: A-1' -d '{}' "
                "10.0.0.1:443 inference.GRPCInferenceService/ServerLive"
            ),
            (
                "grpcurl -plaintext -protoset p -d '{}' "
                "localhost:8081 inference.GRPCInferenceService/ServerLive"
            ),
        ),
        (
            "printf 'GET' | openssl s_client -quiet -connect 10.0.0.1:443 -CAfile ca   # 9 bytes",
            "printf 'GET' | nc localhost 8080   # 9 bytes",
        ),
    ],
)
def test_a_line_is_as_anybody_has_a_server(line: str, told: str) -> None:
    assert for_anybody(line, "https://10.0.0.1/a/b") == told


@pytest.mark.parametrize(
    ("statement", "told"),
    [("V2-META-001", "no departure from it in"), ("V2-NONE-001", "but from V2-ERROR-003")],
)
def test_what_is_no_departure_is_told(
    server: RightServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    statement: str,
    told: str,
) -> None:
    _tell_at_length(server)
    out = _judged(server, tmp_path, "--check", "V2-META-001", "--check", ID)
    assert main(["issue", str(out), statement]) == 2
    assert told in capsys.readouterr().err
    assert main(["issue", str(tmp_path / "nowhere" / "claim.md"), statement]) == 2
    assert "has no results.jsonl" in capsys.readouterr().err
