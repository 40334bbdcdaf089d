"""Runs rows: load, fault, return to what it was, and what all of it came to."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from kserve_conformance.errors import NotKnown

from drill import figures, gateway, judging, pod, torchserve
from drill.faults import FAULTS
from drill.figures import Recorded
from drill.judging import Figure
from drill.load import Load, Probe
from drill.pod import Pod, Refused
from drill.results import AS_WANTED, ERROR, NOT_AS_WANTED, REFUSED, Result
from drill.rows import Row
from drill.scene import Scene
from fixtures import leftovers
from fixtures.torchserve.process import ProcessTorchServe
from matrix.errors import NOT_KNOWN
from matrix.planning.subject import Subject

# Seconds for which all has to be well before a row is over.
_CALM = 1.5
_LOOKED_EVERY = 0.1

# Told what a row is at, in a few words.
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Struck:
    """When a fault began and was healed, of `time.monotonic`, and the figures of its own."""

    began: float
    healed: float
    figures: dict[str, Figure]


def run(
    subject: Subject,
    releases: Sequence[str],
    rows: Sequence[Row],
    tell: Callable[[Row, str], Tell],
    tries: int = 1,
) -> Iterator[Result]:
    """Run rows on each release, and give what each came to as it ends.

    Args:
        tell: gives what is told of a row on a release of the SDK while it runs.
        tries: see `run_row`.

    Raises:
        TorchServeError: when TorchServe doesn't start.
        Unprovisioned: when the environment of a release can't be made.
    """
    # What a drill that was killed has left would take processors from this one.
    leftovers.sweep()
    with torchserve.start() as running:
        for release in releases:
            with pod.before(subject, release, running) as around:
                for row in _in_order(rows):
                    yield run_row(row, around, running, tell(row, release), tries)


def run_row(
    row: Row, around: Pod, running: ProcessTorchServe, tell: Tell, tries: int = 1
) -> Result:
    """Run one row on the wrapper that a pod has, or that is started for it.

    Args:
        tries: how often at most until it is as wanted; the last one counts.
    """
    result = _run_once(row, around, running, tell)
    if result.state == NOT_AS_WANTED and tries > 1:
        return run_row(row, around, running, tell, tries - 1)
    return result


def _run_once(row: Row, around: Pod, running: ProcessTorchServe, tell: Tell) -> Result:
    began = time.monotonic()
    try:
        tell("starts")
        torchserve.wait_until_ready(running)
        around.have(row.setup)
        result = _struck(row, around, tell)
    except Refused as refused:
        result = Result(row.name, around.release, REFUSED, said=str(refused))
    except NOT_KNOWN as error:
        result = Result(row.name, around.release, ERROR, said=str(error).partition("\n")[0])
    if row.ends or result.state != AS_WANTED:
        # What one row has left must not be told as the next one's.
        with contextlib.suppress(NotKnown):
            around.end_wrapper()
    return Result(**{**vars(result), "seconds": time.monotonic() - began})


def strike(
    row: Row, around: Pod, load: Load | None, probe: Probe, tell: Tell
) -> tuple[Scene, Struck]:
    """Have a fault done to what is under load, and wait until all is well again."""
    scene = Scene(around, load, probe, row.options)
    began = time.monotonic()
    tell("fault")
    more = dict(FAULTS[row.fault](scene))
    healed = scene.healed or time.monotonic()
    tell("after")
    _wait_until_calm(scene, row.after)
    return scene, Struck(began, healed, more)


def _struck(row: Row, around: Pod, tell: Tell) -> Result:
    address = around.wrapper.address
    with Probe(address.http) as probe, contextlib.ExitStack() as stack:
        load = Load(address, row.clients) if row.clients else None
        if load:
            stack.enter_context(load)
        tell("before")
        time.sleep(row.before)
        scene, struck = strike(row, around, load, probe, tell)
    for look in scene.afterwards:
        struck.figures.update(look())
    outcomes = load.outcomes if load else []
    recorded = Recorded(outcomes, probe.looks, struck.began, struck.healed, scene.orders)
    told = {**recorded.figures(), **struck.figures}
    unmet = judging.judge(row.wanted, told)
    return Result(
        row.name,
        around.release,
        NOT_AS_WANTED if unmet else AS_WANTED,
        unmet=tuple(unmet),
        counts=recorded.phases,
        figures=told,
        gateways=_through_gateways(recorded),
    )


def _wait_until_calm(scene: Scene, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    # At the least, what has to be calm has to be seen.
    time.sleep(min(_CALM, seconds))
    while time.monotonic() < deadline:
        outcomes = scene.load.outcomes if scene.load else []
        looks = scene.probe.looks if scene.probe else []
        if figures.is_calm(list(outcomes), list(looks), time.monotonic(), _CALM):
            return
        time.sleep(_LOOKED_EVERY)


def _through_gateways(recorded: Recorded) -> dict[str, dict[str, int]]:
    asked = [*recorded.struck, *recorded.orders]
    return {each.name: gateway.replay(asked, each).to_dict() for each in gateway.load()}


def _in_order(rows: Sequence[Row]) -> list[Row]:
    """Put those beside each other that can share a wrapper, which takes seconds to start."""
    setups = list(dict.fromkeys(row.setup for row in rows))
    return sorted(rows, key=lambda row: setups.index(row.setup))
