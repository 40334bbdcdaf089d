"""A token that has to be sent is in nothing that the suite writes, whatever a server says back."""

from __future__ import annotations

import base64
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc
import pytest
from kserve_conformance import summary
from kserve_conformance.commands.cli import main
from kserve_conformance.results import badge
from kserve_conformance.text import concealing
from kserve_conformance.text.redaction import redacted

from tests.servers import RightServer, state
from tests.servers.grpc_service import Ended
from tests.servers.http import Answer, Handler, Request

REPOSITORY = Path(__file__).resolve().parents[2]
# Each form of it that is looked for has this beginning, which nothing else has; what follows is
# written in another way by JSON, by Python, by a shell and in an address.
CORE = "q7XwV9zK"
DOOR = f"""{CORE}"'\\%40=&~"""
TOKEN = "n4Tf0Lr2Bd"
SESSION = "j8Hs6Pm1Ye"
_PYTEST = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
_CONCEALS_NOTHING = (
    "from kserve_conformance.text import concealing; concealing.conceal = lambda _: None; "
)
# What the whole of it became.
_ENCODED = base64.b64encode(DOOR.encode()).decode().rstrip("=")


@pytest.fixture
def telling(server: RightServer) -> RightServer:
    """Give a server that says what it was sent, wherever an answer has room for words."""

    async def tell(request: Request, proceed: Handler) -> Answer:
        answer = await proceed(request)
        told = " ".join(request.headers.get(name, "") for name in ("x-door", "authorization"))
        told += f" {request.headers.get('cookie')} {quote(told)} {_encoded(told)}"
        answer.headers |= {"x-told": told, "content-type": "application/json"}
        document = answer.document()
        if isinstance(document, dict):
            spoilt = {told: told, "name": told, "datatype": told, "error": told}
            document |= dict.fromkeys(document, told) | spoilt
        if "(fuzz/" in request.headers["user-agent"]:
            # What is found shows what was answered, and all of what is short.
            return Answer(500, told.split(" ")[0].encode())
        return answer.put(document or [told])

    def tell_by_grpc(name: str, request: Any, proceed: Callable[[Any], Any]) -> Any:
        if name == "ModelMetadata":
            raise Ended(grpc.StatusCode.INTERNAL, f"you sent {DOOR} {TOKEN}")
        answer = proceed(request)
        if name == "ServerMetadata":
            answer.name = answer.version = f"{DOOR} {TOKEN}"
            answer.extensions.append(f"{DOOR} {TOKEN}")
        return answer

    server.rest_fault, server.grpc_fault = tell, tell_by_grpc
    return server


def _encoded(text: str) -> str:
    return base64.b64encode(text.split(" ")[0].encode()).decode()


@pytest.fixture
def arguments(server: RightServer, tmp_path: Path) -> list[str]:
    file = tmp_path / "headers.txt"
    file.write_text(f"X-Door: {DOOR}\nCookie: theme=dark; session={SESSION}\n")
    way = ["--target", server.url, "--grpc-target", server.grpc_target, "--model", state.MODEL]
    token = ["--header", f"Authorization: Bearer {TOKEN}", "--header-file", str(file)]
    return [*way, *token]


@dataclasses.dataclass
class Outputs:
    """All that the suite's commands wrote, by what it is."""

    arguments: list[str]
    folder: Path
    capsys: pytest.CaptureFixture[str]
    pytest_program: str = _PYTEST

    def of_run(self) -> Iterator[tuple[str, str]]:
        """Judge everything."""
        out = self.folder / "run"
        assert main(["run", "-v", *self.arguments, "--out", str(out)]) == 1
        told = self._terminal()
        yield "terminal", told
        # Here, what is departed from isn't told once more, but summed up.
        yield "summary", "\n".join(told.splitlines()[-summary.LONGEST :])
        yield from ((file.name, file.read_text()) for file in out.iterdir())

    def of_differences(self, server: RightServer) -> Iterator[tuple[str, str]]:
        """Tell the server apart from one that is as it should be."""
        faults, server.rest_fault = server.rest_fault, None
        right = self.folder / "right"
        main(["run", *self.arguments, "--check", "V2-META", "--out", str(right)])
        server.rest_fault = faults
        self._terminal()
        folders = {"right": right, "telling": self.folder / "run"}
        main(
            ["differences", *(f"{name}={each}/transcript.jsonl" for name, each in folders.items())]
        )
        yield "differences", self._terminal()

    def of_fuzz(self) -> Iterator[tuple[str, str]]:
        """Try a few classes of requests."""
        some = [word for each in ("v2/valid", "wire/") for word in ("--class", each)]
        main(["fuzz", *self.arguments, *some, "--examples", "2"])
        yield "fuzz", self._terminal()

    def of_pytest(self) -> Iterator[tuple[str, str]]:
        """Make tests of some of the statements, with all that pytest can be made to tell."""
        report = self.folder / "report.xml"
        more = ["-l", "-rA", "-k", "META-00 or INFER-001", f"--junitxml={report}"]
        suite = ["--pyargs", "kserve_conformance", "-p", "no:cacheprovider", "-o", "addopts="]
        ran = subprocess.run(
            [sys.executable, "-c", self.pytest_program, *suite, *self.arguments, *more],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == 1, ran.stdout + ran.stderr
        yield "pytest", ran.stdout + ran.stderr
        yield "pytest's report", report.read_text()

    def of_errors(self) -> Iterator[tuple[str, str]]:
        """Have the suite end before it judges."""
        main(["run", *self.arguments, "--profile", "v2", "--out", str(self.folder / "none")])
        yield "error", self._terminal()

    def _terminal(self) -> str:
        told = self.capsys.readouterr()
        return told.out + told.err


def _all(outputs: Outputs, telling: RightServer) -> Mapping[str, str]:
    told = [*outputs.of_run(), *outputs.of_differences(telling), *outputs.of_fuzz()]
    told += outputs.of_pytest()

    async def refuse(request: Request, _: Handler) -> Answer:
        return Answer(404, request.headers["x-door"].encode())

    telling.rest_fault = refuse
    return dict([*told, *outputs.of_errors()])


def test_no_output_has_a_secret(
    telling: RightServer,
    arguments: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, text in _all(Outputs(arguments, tmp_path, capsys), telling).items():
        for secret in (CORE, TOKEN, SESSION, _ENCODED[:11]):
            assert secret.lower() not in text.lower(), name
        assert name in badge.FILES or "***" in text, name


def test_each_output_would_have_it(
    telling: RightServer,
    arguments: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the test above would look where nothing can be."""
    monkeypatch.setattr(concealing, "conceal", lambda _: None)
    outputs = Outputs(arguments, tmp_path, capsys, _CONCEALS_NOTHING + _PYTEST)
    for name, text in _all(outputs, telling).items():
        # A badge has the suite's own words only.
        assert name in badge.FILES or CORE in text, name


def test_no_name_in_evidence_has_a_secret() -> None:
    concealing.conceal([DOOR])
    assert redacted({DOOR: [{f"a {DOOR}": 1}]}) == {"***": [{"a ***": 1}]}


def test_a_name_says_of_a_header_of_the_command_line_that_it_is_a_secret(
    server: RightServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--header", "X-Tenant: tenant-of-mine", "--header", f"X-Api-Key: {SESSION}"]
    way = ["--target", server.url, "--model", state.MODEL, "--profile", "v1", *given]
    assert main(["run", *way, "--out", str(tmp_path)]) == 0
    claim = (tmp_path / "claim.md").read_text()
    assert "--header 'x-tenant: tenant-of-mine' --header 'x-api-key: ***'" in claim
    # Nor is it where quotes were forgotten, and the rest of it is no option.
    with pytest.raises(SystemExit):
        main(["run", *way, "--header", "Authorization:", "Bearer", TOKEN])
    assert TOKEN not in capsys.readouterr().err
    header = json.loads((tmp_path / "results.jsonl").read_text().splitlines()[0])
    assert SESSION not in header["wrapper"]["command"]
