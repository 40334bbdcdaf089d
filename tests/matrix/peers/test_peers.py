"""Servers whose claims are kept: what those say, and how one is started and ended."""

from __future__ import annotations

import datetime
import functools
import sys
from pathlib import Path

import psutil
import pytest
import requests
from kserve_conformance import catalogue
from kserve_conformance.asking.target import Target
from kserve_conformance.outcome import Outcome
from kserve_conformance.results.exhibit import Exhibit
from kserve_conformance.results.judgement import Judgement
from kserve_conformance.results.verdict import SubjectFailed, Verdict
from kserve_conformance.session import Session
from kserve_conformance.text import gfm

from fixtures.torchserve import Envelope, Runtime
from matrix.commands import cli
from matrix.environments import locking, provision, roster
from matrix.environments.roster import MLServerRelease, Peer
from matrix.peers import claims, pods, starting
from matrix.peers.place import Place, Start
from matrix.running import instances, launch, ports, worker
from tests import lending, processes
from tests.matrix.given_torchserve import Given

PEERS = roster.load()
FAKE = Peer(
    kind="fake",
    title="Fake",
    version="1",
    release=MLServerRelease("1", "3.12", datetime.date(2025, 1, 1), (), (), ()),
    profiles=("v2",),
)
PYTHON = Path(sys.executable)

CLAIM = """\
# Fake 1

Judged 2026-01-01 by kserve-conformance 1.0.

| profile | claim | kept | MUST failed | MUST unchecked | SHOULD failed | extensions |
|---|---|---|---|---|---|---|
| v1 | not offered | | | | | |
| v2 | **departs** | 41 | 1 | 0 | 1 | versions: conforms, binary_tensor_data: departs |

## v2: MUST, failed

- **V2-INFER-003** A sentence. *a reason*

## v2: SHOULD, failed

- **V2-META-002** Another. *200 instead of 404*
"""


def starts(monkeypatch: pytest.MonkeyPatch, code: str) -> list[Place]:
    """Have FAKE be a program of a few lines; give the places that it is started at."""
    places: list[Place] = []

    def start(python: Path, place: Place) -> Start:
        places.append(place)
        return [str(python), "-c", code, str(place.http), str(place.grpc)], {"NOTE": "x"}

    monkeypatch.setitem(starting._STARTS, "fake", start)
    return places


def lend_to_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the pods of our wrapper stand before the session's TorchServe, and be forked."""

    def start(_: Runtime, release: str, envelope: Envelope) -> Given:
        lent = lending.instance(envelope, *worker.MODELS)
        assert lent.release == release
        return Given(lent)

    monkeypatch.setattr(instances, "start", start)
    forked = functools.partial(launch.start, forks=processes.of_sdks())
    monkeypatch.setattr(launch, "start", forked)


class TestEssence:
    def test_is_what_was_found_and_not_when_and_why(self) -> None:
        assert claims.essence(CLAIM) == {
            "v1: not offered",
            "v2: departs",
            "v2: versions: conforms",
            "v2: binary_tensor_data: departs",
            "v2: V2-INFER-003",
            "v2: V2-META-002",
        }

    def test_of_the_same_findings_on_another_day_is_the_same(self) -> None:
        later = CLAIM.replace("2026-01-01", "2027-02-02").replace("200 instead", "201 instead")
        assert claims.differences(CLAIM, later) == []

    def test_of_the_same_findings_in_other_words_is_the_same(self) -> None:
        other = CLAIM.replace("MUST, failed", "departs from the Open Inference Protocol: MUST")
        assert claims.differences(CLAIM, other) == []

    def test_tells_what_was_not_settled_from_what_was_found(self) -> None:
        heading = "## v2: not settled, by a fault of the suite"
        unsettled = CLAIM.replace("## v2: MUST, failed", heading)
        assert claims.differences(CLAIM, unsettled) == [
            "no more: v2: V2-INFER-003",
            "not in its claim: v2: not settled: V2-INFER-003",
        ]

    @pytest.mark.parametrize(
        ("was", "now", "told"),
        [
            (
                "**departs**",
                "**conforms**",
                ["no more: v2: departs", "not in its claim: v2: conforms"],
            ),
            ("versions: conforms, ", "", ["no more: v2: versions: conforms"]),
            (
                "V2-INFER-003",
                "V2-INFER-004",
                [
                    "no more: v2: V2-INFER-003",
                    "not in its claim: v2: V2-INFER-004",
                ],
            ),
        ],
        ids=["standing", "extension", "id"],
    )
    def test_differs_by_standing_and_by_id(self, was: str, now: str, told: list[str]) -> None:
        assert claims.differences(CLAIM, CLAIM.replace(was, now)) == told


def test_a_claim_lasts_beyond_the_run_that_made_it() -> None:
    uuid = "1bb8e829-1aa2-46c7-b624-a94501298159"
    text = (
        f'*127.0.0.1:21000 answered {{"id":"{uuid}","n":1}} and {{"id": "42"}}*\n'
        f'*127.0.0.1:21001 answered {{"id":"{uuid[:13]}*\n'
        f'*id: expected "42", got "{uuid}"*\n'
        "*At: /tmp/peer-1/models/contract/1/model.py(55): _output /tmp/peer-*\n"
    )
    assert claims.lasting(text, Place(21000, 21001, 21002, Path("/tmp/peer-1"))) == (
        '*HOST:HTTP_PORT answered {"id":"UUID","n":1} and {"id": "42"}*\n'
        '*HOST:GRPC_PORT answered {"id":"UUID*\n'
        '*id: expected "42", got "UUID"*\n'
        "*At: FOLDER/models/contract/1/model.py(55): _output FOLDER*\n"
    )


class TestRunning:
    def test_one_that_ends_tells_the_end_of_its_log(self, monkeypatch: pytest.MonkeyPatch) -> None:
        starts(monkeypatch, "import sys; print('no such model'); sys.exit(7)")
        with (
            pytest.raises(SubjectFailed, match=r"ended with exit code 7 .*\n.*no such model"),
            starting.running(FAKE, PYTHON),
        ):
            pass

    def test_one_that_is_not_ready_in_time_is_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(starting, "_READY_WITHIN", 0.5)
        places = starts(monkeypatch, "import time; time.sleep(600)")
        with (
            pytest.raises(SubjectFailed, match=r"wasn't ready within"),
            starting.running(FAKE, PYTHON),
        ):
            pass
        assert not [
            process
            for process in psutil.process_iter(["cmdline"])
            if str(places[0].http) in (process.info["cmdline"] or ())
        ]

    def test_one_that_is_ready_is_ended_with_the_block(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        code = (
            "import http.server, os, sys, threading\n"
            "class Ready(http.server.BaseHTTPRequestHandler):\n"
            "    def do_GET(self):\n"
            "        self.send_response(200 if os.environ['NOTE'] == 'x' else 500)\n"
            "        self.end_headers()\n"
            "ports = map(int, sys.argv[1:])\n"
            "rest, grpc = [http.server.HTTPServer(('', port), Ready) for port in ports]\n"
            "threading.Thread(target=grpc.serve_forever).start()\n"
            "rest.serve_forever()\n"
        )
        starts(monkeypatch, code)
        with starting.running(FAKE, PYTHON) as running:
            place = running.place
            assert ports.is_open(place.http)
            assert place.folder.is_dir()
        assert ports.is_free(place.http)
        assert not place.folder.exists()


# Stands for a peer: answers inferences until one of them says "break", and is another process then.
BREAKABLE = """\
import http.server, json, os, sys, threading
broken = []
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, told):
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(200, {"name": "contract", "process": os.getpid()})
    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        broken.extend([1] if b"break" in asked else [])
        if broken:
            return self.answer(500, {"error": "broken"})
        self.answer(200, {"model_name": "contract", "outputs": json.loads(asked)["inputs"]})
rest, grpc = [http.server.HTTPServer(("127.0.0.1", int(port)), Handler) for port in sys.argv[1:]]
threading.Thread(target=grpc.serve_forever).start()
rest.serve_forever()
"""


def test_one_that_a_check_has_broken_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    starts(monkeypatch, BREAKABLE)
    statements = catalogue.load()
    unmade, made = (
        Outcome(statements["V2-INFER-002"], Judgement(verdict, ""), Exhibit(), 0.0)
        for verdict in (Verdict.UNSUPPORTED, Verdict.PASSED)
    )
    shared = Path("/dev/shm")
    with starting.running(FAKE, PYTHON) as running:
        place = running.place
        target = Target(url=place.url, model="contract", profiles=("v2",))
        with Session(target) as session:
            look = claims._starting_again(running, session)
            first = requests.get(place.url, timeout=30).json()["process"]
            look(made)
            assert requests.get(place.url, timeout=30).json()["process"] == first
            requests.post(place.url, b"break", timeout=30)
            look(unmade)
            assert requests.get(place.url, timeout=30).json()["process"] == first
            left = shared / f"{place.folder.name}-1-region"
            left.touch()
            look(made)
            assert not left.exists()
            assert requests.get(place.url, timeout=30).json()["process"] != first
            assert session.judge(statements["V2-INFER-001"]).judgement.verdict is Verdict.PASSED
    assert ports.is_free(place.http)


def test_an_unknown_peer_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["peers", "--peer", "nobody"]) == 2
    assert "'nobody' is no peer" in capsys.readouterr().err


@pytest.mark.parametrize("name", PEERS)
class TestClaim:
    def test_says_how_to_make_it_again_and_what_it_depends_on(self, name: str) -> None:
        text = claims.claim_file(PEERS[name]).read_text(encoding="utf-8")
        assert f"```sh\npython -m matrix peers --peer {name}\n```" in text
        lock = locking.find(PEERS[name].release)
        for package, version in claims.surroundings(PEERS[name], lock).items():
            assert f"{package} {version}" in text

    def test_names_no_place_where_the_peer_listened_once(self, name: str) -> None:
        assert "127.0.0.1:" not in claims.claim_file(PEERS[name]).read_text(encoding="utf-8")

    @pytest.mark.integration
    def test_is_what_the_suite_gives_now(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lend_to_pods(monkeypatch)
        _, text = claims.judge(PEERS[name], tmp_path)
        kept = claims.claim_file(PEERS[name]).read_text(encoding="utf-8")
        assert claims.differences(kept, text) == []


def test_our_claim_says_that_its_profiles_were_judged_on_pods_of_their_own() -> None:
    (ours,) = (peer for peer in PEERS.values() if peer.kind == roster.WRAPPER)
    text = claims.claim_file(ours).read_text(encoding="utf-8")
    assert gfm.text(pods.note(ours)) in text
    assert "each profile was judged by itself" in text


def test_there_is_no_claim_of_another_peer() -> None:
    assert {path.stem for path in claims.CLAIMS.glob("*.md")} == set(PEERS)


@pytest.mark.integration
def test_the_environment_of_one_that_is_no_kserve_sdk_is_made_from_its_lock() -> None:
    lock = locking.find(PEERS["mlserver-1.7.1"].release)
    environment = provision.of_lock(lock)
    assert environment.lock_digest == lock.digest
    assert environment.python.with_name("mlserver").exists()
