"""What a peer is judged to, and whether that is what its claim in the repository says."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from kserve_conformance import catalogue, requirements, run_folder
from kserve_conformance.asking.target import Target, read_payloads
from kserve_conformance.catalogue import PROFILES
from kserve_conformance.commands.run import judge_all, selected
from kserve_conformance.outcome import Outcome
from kserve_conformance.results.claim import ProfileClaim, Standing
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.run_folder import CLAIM, About, Report
from kserve_conformance.session import Session

from matrix.environments import locking, provision
from matrix.environments.locking import Lock
from matrix.environments.roster import Peer
from matrix.peers import pods, starting
from matrix.peers.place import MODEL, Place
from matrix.peers.starting import Running
from matrix.planning.subject import REPOSITORY

CLAIMS = REPOSITORY / "conformance" / "claims"

# What answers depend on besides the server's own release.
_TELLING = (
    *("fastapi", "starlette", "uvicorn", "pydantic", "orjson", "numpy", "protobuf", "grpcio"),
    "omle-convert",
)
# A statement that any inference which is answered keeps.
_ANSWERS = "V2-INFER-001"
# An id that a server made up, also where a claim's reason ends within it.
_MADE_UP = re.compile(
    r'(?<=")[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<="id":")[0-9a-f-]*(?=\*$)', re.MULTILINE
)
# Of the table: a profile, its standing, and the standings of its extensions.
_STANDING = re.compile(
    rf"^\| ({'|'.join(PROFILES)}) \| \**({'|'.join(Standing)})\** \|.*\|([^|]*)\|$", re.MULTILINE
)
# Of what was found, whichever words tell what kind of departure it is: its id says that, too.
_SECTION = re.compile(rf"^## ({'|'.join(PROFILES)}): (not settled)?")
_FINDING = re.compile(r"^- \*\*([A-Z0-9-]+)\*\*")


def claim_file(peer: Peer) -> Path:
    """Give the file of a peer's claim in the repository."""
    return CLAIMS / f"{peer.name}.md"


def judge(peer: Peer, out: Path, version: str | None = None) -> tuple[Sequence[ProfileClaim], str]:
    """Start a peer, judge it by requirements of the suite, and end it.

    Args:
        out: a folder for the results.
        version: of the requirements; None is the newest that is frozen, since a claim lasts.

    Returns:
        Its claims by profile, and their text.

    Raises:
        Unprovisioned: when its environment can't be made here.
        DataFileError: when it has no lock, or one that is out of date.
        RequirementsError: when there are no requirements of that version.
        SubjectFailed, PortError: see `starting.running` and `pods.started`.
        TorchServeError: when TorchServe doesn't start.
    """
    command = ["python", "-m", "matrix", "peers", "--peer", peer.name]
    command += ["--suite-version", version] if version else []
    version = version or requirements.versions()[-1]
    lock = locking.find(peer.release)
    python = provision.of_lock(lock).python
    about = About(
        subject=f"{peer.title} {peer.version}",
        command=command,
        packages=surroundings(peer, lock),
        note=pods.note(peer) if peer.pods else "",
    )
    claims: list[ProfileClaim] = []
    places = []
    with closing(_parts(peer, python, out)) as parts:
        for part in parts:
            places.append(part.place)
            claims += _judged(part, version, about)
    if peer.pods:
        run_folder.write_claim(out, claims, version, about)
    text = (out / CLAIM).read_text(encoding="utf-8")
    for place in places:
        text = lasting(text, place)
    (out / CLAIM).write_text(text, encoding="utf-8")
    return claims, text


@dataclass(frozen=True)
class _Part:
    """What of a peer is judged at one address, all of it but where each profile has a pod.

    Attributes:
        out: the folder of its results.
        running: what starts it again; None where no check may break it.
    """

    out: Path
    target: Target
    place: Place
    running: Running | None


def _parts(peer: Peer, python: Path, out: Path) -> Generator[_Part, None, None]:
    """Start the parts of a peer, one after another; to be closed, which ends them."""
    if not peer.pods:
        with starting.running(peer, python) as running:
            yield _Part(out, _target(peer, running.place), running.place, running)
        return
    with closing(pods.started(peer, python)) as started:
        for profile, place in started:
            one = replace(_target(peer, place), profiles=(profile,), claimed=frozenset({profile}))
            yield _Part(out / profile, one, place, None)


def _judged(part: _Part, version: str, about: About) -> Sequence[ProfileClaim]:
    part.out.mkdir(parents=True, exist_ok=True)
    statements = selected(part.target, version, ())
    with Session(part.target) as session:
        report = Report(part.out, session, statements, version, about)
        if part.running is None:
            judge_all(session, statements, report)
        else:
            judge_all(session, statements, report, _starting_again(part.running, session))
        return report.finish()[0]


def _target(peer: Peer, place: Place) -> Target:
    return Target(
        url=place.url,
        model=MODEL,
        grpc=f"127.0.0.1:{place.grpc}",
        claimed=frozenset(peer.profiles),
        payloads=read_payloads(peer.payloads) if peer.payloads else {},
        payloads_file=peer.payloads,
        not_ready_model=peer.not_ready_model,
        spare_model=peer.spare_model,
    )


def _starting_again(running: Running, session: Session) -> Callable[[Outcome], None]:
    """Start a peer again where a check has left it so that nothing is answered any more.

    What is asked next would fail for what was asked before.
    """
    asked = catalogue.load()[_ANSWERS]
    usual = session.judge(asked).judgement.verdict

    def look(outcome: Outcome) -> None:
        # That it broke may be what was wanted: a refusal, of whatever kind.
        made = outcome.judgement.verdict is not Verdict.UNSUPPORTED
        if made and session.judge(asked).judgement.verdict is not usual:
            running.again()

    return look


def surroundings(peer: Peer, lock: Lock) -> dict[str, str]:
    """Give the versions of what a peer runs with, as its lock has them."""
    pins = lock.pins()
    told = {name: pins[name] for name in (lock.release.package, *_TELLING) if name in pins}
    before = {"TorchServe": pods.torchserve()} if peer.pods else {}
    return {"Python": lock.release.python, **told, **before}


def lasting(text: str, place: Place) -> str:
    """Leave out of a claim what is another each time: where the peer was, and made-up ids."""
    # Also where a reason ends within the path.
    text = re.sub(rf"{re.escape(str(place.folder.parent))}/peer-\w*", "FOLDER", text)
    for name, port in (("HTTP", place.http), ("GRPC", place.grpc)):
        text = text.replace(f"127.0.0.1:{port}", f"HOST:{name}_PORT")
    return _MADE_UP.sub("UUID", text)


def essence(claim: str) -> set[str]:
    """Give what a claim comes to: the standings, and what was found by id."""
    told = {
        f"{profile}: {each.strip()}"
        for profile, standing, extensions in _STANDING.findall(claim)
        for each in (standing, *extensions.split(","))
        if each.strip()
    }
    section = ""
    for line in claim.splitlines():
        if heading := _SECTION.match(line):
            section = ": ".join(filter(None, heading.groups()))
        elif finding := _FINDING.match(line):
            told.add(f"{section}: {finding[1]}")
    return told


def differences(kept: str, now: str) -> list[str]:
    """Say where a claim comes to something else than the one that was kept."""
    before, after = essence(kept), essence(now)
    gone = [f"no more: {each}" for each in sorted(before - after)]
    return gone + [f"not in its claim: {each}" for each in sorted(after - before)]
