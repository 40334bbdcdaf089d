"""The TorchServe of the drill: its models, and what is looked up of their workers."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import requests
from kserve_conformance.errors import NotKnown

from fixtures import models
from fixtures.torchserve import readiness, releases
from fixtures.torchserve.process import ProcessTorchServe

RELEASE = "0.12.0"
# That which is under load, one with a queue of 4 requests, and one that nobody asks. Without an
# envelope they are asked in V1, V2 and gRPC at once.
LOADED, NARROW, QUIET = "drilled", "narrow", "echo"
MODELS = (LOADED, NARROW, QUIET)
_START_WITHIN = 180.0
_ASKED_EVERY = 0.05
# Seconds; beyond what a worker needs that is started for the fifth time, after ever longer pauses.
SUCCESSOR_WITHIN = 60.0


class NotHealed(NotKnown):
    """A TorchServe that doesn't come back from what the drill did to it."""


def start() -> ProcessTorchServe:
    """Start it, and wait for its models; it ends as a context manager.

    Raises:
        TorchServeError: when it doesn't start.
    """
    release = releases.find(RELEASE)
    config = {
        "enable_model_api": "true",
        # Lines of its log that nobody's questions make.
        "disable_system_metrics": "true",
        # What a fault leaves in the queue mustn't be what refuses the load.
        "job_queue_size": "1000",
    }
    return ProcessTorchServe(release, "none", list(archives().values()), (), config, _START_WITHIN)


def archives() -> dict[str, Path]:
    """Give the archives of its models, by their names."""
    narrow = models.archive_as(NARROW, LOADED, Path(__file__).with_name("narrow.yaml"))
    return {LOADED: models.archive(LOADED), NARROW: narrow, QUIET: models.archive(QUIET)}


def worker(torchserve: ProcessTorchServe, model: str = LOADED) -> int | None:
    """Give the process id of a model's READY worker, None where it has none."""
    endpoints = torchserve.instance.endpoints
    url = f"http://{endpoints.host}:{endpoints.management}/models/{model}"
    try:
        described = requests.get(url, timeout=5).json()
        workers = [each for version in described for each in version["workers"]]
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return None
    ready = [each["pid"] for each in workers if each["status"] == "READY" and each["pid"] > 0]
    return next((pid for pid in ready if psutil.pid_exists(pid)), None)


def wait_for_worker(
    torchserve: ProcessTorchServe, other_than: int | None, seconds: float = SUCCESSOR_WITHIN
) -> None:
    """Wait until the model under load has a READY worker that is another process.

    Raises:
        NotHealed: when that takes too long.
    """
    deadline = time.monotonic() + seconds
    while worker(torchserve) in (None, other_than):
        if time.monotonic() > deadline:
            raise NotHealed(f"TorchServe has no other worker of {LOADED} after {seconds:.0f} s")
        time.sleep(_ASKED_EVERY)


def wait_until_ready(torchserve: ProcessTorchServe, *names: str) -> None:
    """Wait until models, all that the drill has where none is named, have a READY worker.

    Raises:
        TorchServeError: when that takes too long.
    """
    # Workers that were killed until now are no reason to give up.
    logged = len(torchserve.logs())
    readiness.wait(
        torchserve.instance.endpoints,
        names or MODELS,
        lambda: torchserve.logs()[logged:],
        torchserve.has_ended,
        _START_WITHIN,
    )
