"""``python -m matrix peers``: judges servers that nobody here wrote, and keeps their claims."""

from __future__ import annotations

import argparse
import contextlib
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
from kserve_conformance import VERSION
from kserve_conformance.asking.target import Target
from kserve_conformance.catalogue import PROFILES
from kserve_conformance.commands.run import judge_all, selected
from kserve_conformance.errors import ExitCode
from kserve_conformance.report import CLAIM, About, Report
from kserve_conformance.results.claim import ProfileClaim, Standing
from kserve_conformance.results.verdict import SubjectFailed
from kserve_conformance.session import Session
from kserve_conformance.text import messages
from rich.console import Console

from fixtures import leftovers
from matrix.commands.output import make_console, say
from matrix.environments import locking, provision, roster
from matrix.environments.locking import Lock
from matrix.environments.roster import FOLDER, Peer
from matrix.planning.subject import REPOSITORY, base_environment
from matrix.running import launch, ports
from matrix.running.logs import last_lines

CLAIMS = REPOSITORY / "conformance" / "claims"

# The models of each peer: see fixtures/peers.
_MODEL, _NOT_READY, _SPARE = "contract", "late", "spare"
# The SDK of 0.10 imports ray, which takes over 10 s from a cold disk.
_READY_WITHIN = 120.0
# What answers depend on besides the server's own release.
_TELLING = ("fastapi", "starlette", "uvicorn", "pydantic", "orjson", "numpy", "protobuf", "grpcio")


@dataclass(frozen=True)
class Place:
    """Where a peer listens: its ports, and a folder for what it writes."""

    http: int
    grpc: int
    metrics: int
    folder: Path

    @property
    def url(self) -> str:
        """Give the base of its REST routes."""
        return f"http://127.0.0.1:{self.http}"

    @property
    def ports(self) -> tuple[int, ...]:
        """Give all its ports."""
        return self.http, self.grpc, self.metrics


@dataclass(frozen=True)
class Start:
    """The command that starts a peer, and the variables that it is told by."""

    argv: Sequence[str]
    variables: Mapping[str, str]


def _kserve_sdk(python: Path, place: Place) -> Start:
    program = str(FOLDER / "kserve_sdk.py")
    flags = ["--http_port", str(place.http), "--grpc_port", str(place.grpc)]
    return Start([str(python), program, *flags], {})


def _mlserver(python: Path, place: Place) -> Start:
    return Start(
        [str(python.with_name("mlserver")), "start", str(FOLDER / "mlserver")],
        {
            "MLSERVER_HTTP_PORT": str(place.http),
            "MLSERVER_GRPC_PORT": str(place.grpc),
            "MLSERVER_METRICS_PORT": str(place.metrics),
        },
    )


_STARTS: Mapping[str, Callable[[Path, Place], Start]] = {
    "kserve-sdk": _kserve_sdk,
    "mlserver": _mlserver,
}


@dataclass(frozen=True)
class JudgedPeer:
    """What came of judging a peer: its claims by profile, and their text."""

    claims: Sequence[ProfileClaim]
    text: str


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``peers``."""
    parser = subparsers.add_parser(
        "peers",
        help="Judge servers that nobody here wrote.",
        description="Starts MLServer, and KServe's own SDK server, with a contract model, and "
        "judges each with the conformance suite.",
        epilog="Exit codes: 0 each is as its claim in conformance/claims says, or that was "
        "written; 1 one is not.",
    )
    parser.add_argument(
        "--peer", action="append", metavar="NAME", help="this peer only; may be repeated"
    )
    parser.add_argument(
        "--write", action="store_true", help="write the claims to conformance/claims"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("results/peers"),
        metavar="FOLDER",
        help="where the results of each go, in a folder of its name (default: results/peers)",
    )
    parser.set_defaults(command=_main)


def _main(arguments: argparse.Namespace) -> int:
    console = make_console()
    known = roster.load()
    chosen = [roster.find(name) for name in arguments.peer or known]
    differ = False
    for peer in chosen:
        judged = judge(peer, arguments.out / peer.name)
        _tell(console, peer, judged)
        file = claim_file(peer)
        if arguments.write:
            file.parent.mkdir(exist_ok=True)
            file.write_text(judged.text, encoding="utf-8")
            say(console, f"{peer.name}: wrote {file.relative_to(REPOSITORY)}")
            continue
        for line in differences(_kept(file), judged.text):
            differ = True
            say(console, f"{peer.name}: {line}")
    return ExitCode.AGAINST_SUBJECT if differ else ExitCode.AS_EXPECTED


def _kept(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def claim_file(peer: Peer) -> Path:
    """Give the file of a peer's claim in the repository."""
    return CLAIMS / f"{peer.name}.md"


def judge(peer: Peer, out: Path) -> JudgedPeer:
    """Start a peer, judge it by the suite's current requirements, and end it.

    Args:
        out: a folder for the results.

    Raises:
        Unprovisioned: when its environment can't be made here.
        DataFileError: when it has no lock, or one that is out of date.
        SubjectFailed: when it doesn't start; tells why by its log.
        PortError: when there are no ports for it, or it doesn't let go of them.
    """
    lock = locking.find(peer.release)
    python = provision.of_lock(lock).python
    out.mkdir(parents=True, exist_ok=True)
    about = About(
        subject=f"{peer.title} {peer.release.release}",
        command=["python", "-m", "matrix", "peers", "--peer", peer.name],
        packages=surroundings(lock),
    )
    with running(peer, python) as place:
        target = target_of(peer, place)
        statements = selected(target, VERSION, ())
        with Session(target) as session:
            report = Report(out, session, statements, VERSION, about)
            judge_all(session, statements, report)
            claims, _ = report.finish()
    text = lasting((out / CLAIM).read_text(encoding="utf-8"), place)
    (out / CLAIM).write_text(text, encoding="utf-8")
    return JudgedPeer(claims, text)


def surroundings(lock: Lock) -> dict[str, str]:
    """Give the versions of what a peer runs with, as its lock has them."""
    pins = lock.pins()
    told = {name: pins[name] for name in (lock.release.package, *_TELLING) if name in pins}
    return {"Python": lock.release.python, **told}


def target_of(peer: Peer, place: Place) -> Target:
    """Say what is judged of a peer that runs."""
    return Target(
        url=place.url,
        model=_MODEL,
        grpc=f"127.0.0.1:{place.grpc}",
        claimed=frozenset(peer.profiles),
        not_ready_model=_NOT_READY,
        spare_model=_SPARE,
    )


@contextlib.contextmanager
def running(peer: Peer, python: Path) -> Iterator[Place]:
    """Start a peer, wait until its model is ready, and end it and all that it started.

    Raises:
        SubjectFailed: when it ends, or isn't ready in time; tells why by its log.
        PortError: when there are no ports for it, or it doesn't let go of them.
    """
    http, grpc, metrics = ports.free(3)
    with tempfile.TemporaryDirectory(prefix="peer-") as name:
        folder = Path(name)
        place = Place(http, grpc, metrics, folder)
        record = leftovers.Record(folder)
        start = _STARTS[peer.kind](python, place)
        # Its program lies in this checkout, which stays as it is.
        variables = {"PYTHONDONTWRITEBYTECODE": "1", **start.variables, **record.environment}
        log = folder / "peer.log"
        with log.open("wb") as file:
            process = launch.start_group(
                start.argv, {**_environment(), **variables}, folder, file.fileno(), file.fileno()
            )
        try:
            _wait_ready(process, place, log)
            yield place
        finally:
            launch.end_group(process)
            ports.wait_free(place.ports, seconds=10)
            record.close()


def _environment() -> dict[str, str]:
    """Give the environment of a peer, which shares nothing with the wrapper."""
    return {name: value for name, value in base_environment().items() if name != "PYTHONPATH"}


def _wait_ready(process: subprocess.Popen[bytes], place: Place, log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    url = f"{place.url}/v2/models/{_MODEL}/ready"
    with requests.Session() as session:
        session.trust_env = False
        while not (_answers(session, url) and ports.is_open(place.grpc)):
            if process.poll() is not None:
                what = f"ended with exit code {process.returncode} before it was ready"
            elif time.monotonic() > deadline:
                what = f"wasn't ready within {_READY_WITHIN:.0f} s"
            else:
                time.sleep(0.1)
                continue
            tail = last_lines(log.read_text(encoding="utf-8", errors="replace"))
            raise SubjectFailed(messages.with_log(f"the peer {what}", tail))


def _answers(session: requests.Session, url: str) -> bool:
    try:
        return session.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False


# An id that a server made up, also where a claim's reason ends within it.
_MADE_UP = re.compile(
    r'(?<=")[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<="id":")[0-9a-f-]*(?=\*$)', re.MULTILINE
)


def lasting(text: str, place: Place) -> str:
    """Leave out of a claim what is another each time: where the peer listened, and made-up ids."""
    for name, port in (("HTTP", place.http), ("GRPC", place.grpc)):
        text = text.replace(f"127.0.0.1:{port}", f"HOST:{name}_PORT")
    return _MADE_UP.sub("UUID", text)


def _tell(console: Console, peer: Peer, judged: JudgedPeer) -> None:
    for claim in judged.claims:
        why = f": {claim.absent}" if claim.absent else ""
        counts = (
            f" ({claim.kept} kept, {len(claim.must_failed)} MUST and {len(claim.should_failed)} "
            f"SHOULD failed, {len(claim.must_unchecked)} MUST unchecked)"
        )
        say(console, f"{peer.name} {claim.profile}: {claim.standing}{why or counts}")


_STANDING = re.compile(
    rf"^\| ({'|'.join(PROFILES)}) \| \**({'|'.join(Standing)})\** \|", re.MULTILINE
)
_SECTION = re.compile(r"^## (.+)$")
_FINDING = re.compile(r"^- \*\*([A-Z0-9-]+)\*\*")


def essence(claim: str) -> set[str]:
    """Give what a claim comes to: the standing of each profile, and what was found by id."""
    told = {f"{profile}: {standing}" for profile, standing in _STANDING.findall(claim)}
    section = ""
    for line in claim.splitlines():
        if heading := _SECTION.match(line):
            section = heading[1]
        elif finding := _FINDING.match(line):
            told.add(f"{section}: {finding[1]}")
    return told


def differences(kept: str, now: str) -> list[str]:
    """Say where a claim comes to something else than the one that was kept."""
    before, after = essence(kept), essence(now)
    gone = [f"no more: {each}" for each in sorted(before - after)]
    return gone + [f"not in its claim: {each}" for each in sorted(after - before)]
