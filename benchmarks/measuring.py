"""Measures all contenders on all releases: in turns, in one run, beside TorchServe itself."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kserve_conformance.results.verdict import SubjectFailed

from benchmarks import cpu, outcome, running
from benchmarks.asking import Place, Request
from benchmarks.contenders import CONTENDERS, DIRECTLY, FLOOR, Contender
from benchmarks.load import LoadError, Measured
from benchmarks.ways import Way
from fixtures import models
from fixtures.torchserve import configuration, releases
from fixtures.torchserve.process import ProcessTorchServe
from matrix.planning.subject import Subject

_START_SECONDS = 300
_WARM_SECONDS = 4
# By then the wrapper has seen that TorchServe reads frames, and has its connections.
_FIRST = 3
# Requests of clients that are gone are still worked at: what comes next begins when they are not.
_QUIET_SHARE, _LOOK_SECONDS, _QUIET_WITHIN = 0.2, 0.1, 30.0


@dataclass
class Found:
    """What measuring came to.

    Attributes:
        left_out: what couldn't be measured, each with the reason; None stands for all ways,
            bodies or connections.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[dict[str, Any]] = field(default_factory=list)

    def leave_out(
        self,
        error: Exception,
        kserve: str,
        subject: str,
        way: Way | None = None,
        connections: int | None = None,
    ) -> None:
        """Say why something isn't measured."""
        why = str(error).strip().partition("\n")[0].rstrip(":")
        sys.stderr.write(f"KServe {kserve}, {subject}: left out: {error}\n")
        place = {"way": way and way.name, "body": way and way.body, "connections": connections}
        self.left_out.append({"kserve": kserve, **place, "subject": subject, "why": why})


@dataclass(frozen=True)
class Server:
    """One that runs: where, and the ids of its processes."""

    place: Place
    processes: Sequence[int]
    constant: bool = False


@dataclass(frozen=True)
class TorchServe(Server):
    """TorchServe, of whose processes Java is the first, and its workers are the others."""

    @property
    def groups(self) -> tuple[Sequence[int], Sequence[int]]:
        return self.processes[:1], self.processes[1:]


def measure(
    torchserve: str, kserve: Sequence[str], ways: Sequence[Way], seconds: int, rounds: int
) -> Found:
    """Measure; a release's servers run side by side, and are asked one after another.

    Those that are idle cost next to nothing: about 3% of a core, all together.

    Args:
        torchserve: the release.
        kserve: the SDK's releases.
        seconds: of each measurement.
        rounds: whose median each figure is.
    """
    found = Found()
    for protocol in dict.fromkeys(way.protocol_version for way in ways):
        alike = [way for way in ways if way.protocol_version == protocol]
        with ProcessTorchServe(
            releases.find(torchserve),
            alike[0].envelope,
            [models.archive_with_torch(name) for name in dict.fromkeys(w.model for w in alike)],
            (),
            configuration.OWN_JVM,
            _START_SECONDS,
        ) as started:
            endpoints = started.instance.endpoints
            place = Place(
                f"http://{endpoints.host}:{endpoints.inference}",
                f"{endpoints.host}:{endpoints.grpc_inference}",
            )
            directly = TorchServe(place, cpu.tree(started.java()[0].pid))
            for way in alike:
                # Java compiles what is measured. What fails here does so again, and is told.
                with contextlib.suppress(LoadError):
                    way.directly.load(place, 16, _WARM_SECONDS, way.directly.once(place))
            for release in kserve:
                with _started(release, started, alike, found) as servers:
                    for way in alike:
                        measure_way(way, release, directly, servers, (seconds, rounds), found)
    order = {(way.name, way.body): index for index, way in enumerate(ways)}
    found.rows.sort(key=lambda row: (order[row["way"], row["body"]], kserve.index(row["kserve"])))
    return found


@contextlib.contextmanager
def _started(
    release: str, torchserve: ProcessTorchServe, ways: Sequence[Way], found: Found
) -> Iterator[dict[Contender, Server]]:
    """Start whoever takes one of the ways."""
    servers = {}
    with contextlib.ExitStack() as stack:
        for contender in CONTENDERS:
            if not any(contender.takes(way) for way in ways):
                continue
            try:
                wrapper = stack.enter_context(
                    running.started(
                        Subject(contender.name, contender.command),
                        release,
                        torchserve.instance,
                        protocol_version=ways[0].protocol_version,
                    )
                )
            except SubjectFailed as failed:
                found.leave_out(failed, release, contender.name)
                continue
            place = Place(wrapper.url, f"127.0.0.1:{wrapper.grpc_port}")
            servers[contender] = Server(place, cpu.tree(wrapper.process_group), contender.constant)
        yield servers


def measure_way(
    way: Way,
    release: str,
    directly: TorchServe,
    servers: Mapping[Contender, Server],
    times: tuple[int, int],
    found: Found,
) -> None:
    """Measure whoever takes a way, with each number of connections.

    Args:
        release: the SDK's.
        times: the seconds of each measurement, and the rounds.
        found: what is added to.
    """
    everybody: dict[str, Server] = {DIRECTLY: directly}
    everybody |= {each.name: server for each, server in servers.items() if each.takes(way)}
    answers = {}
    for subject, server in everybody.items():
        try:
            answers[subject] = _first(way, subject, server)
        except LoadError as error:
            found.leave_out(error, release, subject, way)
    if DIRECTLY not in answers:
        return
    seconds, rounds = times
    for connections in way.connections:
        place = {"kserve": release, "way": way.name, "body": way.body, "connections": connections}
        measured: dict[str, list[dict[str, float]]] = {subject: [] for subject in answers}
        for _ in range(rounds):
            own: Measured | None = None
            for subject in list(measured):
                # TorchServe itself comes first, and without it there is nothing to be set beside.
                if own is None and subject != DIRECTLY:
                    break
                request, server = request_of(way, subject), everybody[subject]
                lasts = seconds * way.longer
                meter = cpu.Meter(server.processes, *directly.groups)
                try:
                    told = request.load(server.place, connections, lasts, answers[subject])
                except LoadError as error:
                    found.leave_out(error, release, subject, way, connections)
                    del measured[subject]
                else:
                    used = meter.used()
                    own = own or told
                    measured[subject].append(figures(told, own, used))
                _wait_quiet([*directly.processes, *server.processes])
        if DIRECTLY in measured:
            for subject, each in measured.items():
                whole = {**place, "body_bytes": way.body_bytes, "subject": subject}
                found.rows.append({**whole, **outcome.medians(each)})
        sys.stderr.write(f"KServe {release}, {way.name}, {way.body}, {connections} at once: done\n")


def request_of(way: Way, subject: str) -> Request:
    """Give what somebody is asked."""
    return {DIRECTLY: way.directly, FLOOR: way.floor}.get(subject, way.asked)


def _first(way: Way, subject: str, server: Server) -> bytes:
    answer = b""
    for _ in range(_FIRST):
        answer = request_of(way, subject).once(server.place)
        if not (server.constant or way.holds(answer)):
            raise LoadError(f"what came back is not what was sent: {answer[:200]!r}")
    return answer


def figures(told: Measured, own: Measured, used: Sequence[float]) -> dict[str, float]:
    """Give the figures of one measurement.

    Args:
        own: what TorchServe directly came to in the same round.
        used: the seconds of a processor that the subject, Java and TorchServe's workers had.
    """
    each, java, workers = (1e6 * seconds / told.requests for seconds in used)
    return {
        "requests_per_second": told.requests_per_second,
        "ratio": told.requests_per_second / own.requests_per_second,
        "p50_ms": told.p50 * 1e3,
        "p50_above_ms": (told.p50 - own.p50) * 1e3,
        "p99_ms": told.p99 * 1e3,
        "p99_ratio": told.p99 / own.p99,
        "cpu_us": each,
        "java_cpu_us": java,
        "worker_cpu_us": workers,
    }


def _wait_quiet(processes: Sequence[int]) -> None:
    ends = time.monotonic() + _QUIET_WITHIN
    while time.monotonic() < ends:
        meter = cpu.Meter(processes)
        time.sleep(_LOOK_SECONDS)
        if meter.used()[0] < _QUIET_SHARE * _LOOK_SECONDS:
            return
