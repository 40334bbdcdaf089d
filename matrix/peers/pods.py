"""This repository's wrapper before real TorchServe, started as a pod for each of its profiles."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

from fixtures import leftovers, models
from fixtures.torchserve import Instance
from matrix.environments.roster import Peer
from matrix.peers.place import MODEL, Place
from matrix.planning import axes
from matrix.planning.control_planes import Pod
from matrix.planning.subject import Subject
from matrix.running import instances, late_model, launch
from matrix.running.late_model import LateModel
from matrix.running.launch import Situation

# Seconds that a model or a wrapper may take to be ready.
_READY_WITHIN = 120.0


def torchserve() -> str:
    """Give the release of TorchServe that the wrapper stands before."""
    return axes.load().default_torchserve


def note(peer: Peer) -> str:
    """Say how its profiles were judged, for the reader of its claim."""
    pods = [
        f"{profile} with PROTOCOL_VERSION={pod.protocol_version} and "
        f"TS_SERVICE_ENVELOPE={pod.service_envelope}"
        for profile, pod in peer.pods.items()
    ]
    return (
        "An envelope of TorchServe reads one protocol. So each profile was judged by itself, on a "
        f"wrapper of its own: {', '.join(pods)}."
    )


def started(peer: Peer, python: Path) -> Generator[tuple[str, Place], None, None]:
    """Give each profile and where its pod listens, which is ended when the next is asked for.

    To be closed, which ends all of it.

    Raises:
        TorchServeError: when TorchServe doesn't start.
        SubjectFailed: when the wrapper ends, or isn't ready in time; tells why by its log.
        PortError: when there are no ports for it, or it doesn't let go of them.
    """
    envelopes = dict.fromkeys(pod.envelope for pod in peer.pods.values())
    with contextlib.ExitStack() as stack:
        served = {}
        for envelope in envelopes:
            process = instances.start("process", torchserve(), envelope)
            stack.callback(process.stop)
            served[envelope] = process.instance
        for profile, pod in peer.pods.items():
            with _running(peer, pod, python, served[pod.envelope]) as place:
                yield profile, place


@contextlib.contextmanager
def _running(peer: Peer, pod: Pod, python: Path, instance: Instance) -> Iterator[Place]:
    sources = {MODEL: MODEL}
    spare, late = peer.spare_model, peer.not_ready_model
    sources |= {name: late_model.ARCHIVE for name in (spare, late) if name is not None}
    with (
        closing(leftovers.Record.of_new_folder("peer-")) as record,
        contextlib.ExitStack() as stack,
    ):
        if spare is not None:
            model = LateModel(spare, instance, _READY_WITHIN)
            stack.callback(model.take_away)
            model.bring()
        situation = Situation(
            protocol_version=pod.protocol_version,
            envelope=pod.envelope,
            torchserve=instance.endpoints,
            models=tuple(sources),
            folder=record.folder / "pod",
            marks=record.environment,
            archives=models.archives(sources),
        )
        ready = [name for name in sources if name != late]
        wrapper = launch.start(Subject(), python, situation, ready, _READY_WITHIN)
        stack.callback(wrapper.stop)
        endpoints = instance.endpoints
        yield Place(wrapper.http_port, wrapper.grpc_port, endpoints.metrics, record.folder)
