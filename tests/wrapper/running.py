"""The wrapper as a process on a real SDK, before a TorchServe of the test's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import requests

from fixtures import models
from fixtures import torchserve as torchserves
from fixtures.leftovers import Record
from fixtures.torchserve import Endpoints, Envelope, Instance
from fixtures.torchserve.process import ProcessTorchServe
from matrix.environments import provision
from matrix.planning.subject import OURS_COMMAND, Subject
from matrix.running import launch, refusal
from matrix.running.launch import RunningWrapper, Situation
from matrix.running.refusal import Refusal
from tests import processes

# The oldest, a middle and the newest SDK: tornado, uvicorn by fork, uvicorn by spawn. Of the middle
# ones 0.13 takes 0.4 s of CPU longer for each start, to make the classes of OpenAI's protocol.
RELEASES = ("0.9.0", "0.12.1", "0.21.0")

# Where no TorchServe is, for what a wrapper answers by itself.
NOBODY = Instance(
    release="0.12.0",
    envelope="kserve",
    runtime="process",
    endpoints=Endpoints("127.0.0.1", *[9] * 5),
    models=("contract",),
    identity="",
)


def start_torchserve(envelope: Envelope, *names: str, **config: str) -> ProcessTorchServe:
    """Start a TorchServe with models of `fixtures.models`; it ends as a context manager.

    Args:
        config: properties that replace or join those of config.properties.
    """
    running = torchserves.start(
        "process",
        release="0.12.0",
        envelope=envelope,
        models=[models.archive(name) for name in names],
        config=config,
    )
    assert isinstance(running, ProcessTorchServe)
    return running


@contextlib.contextmanager
def _around(instance: Instance, folder: Path, **other: Any) -> Iterator[Situation]:
    """Give what surrounds a wrapper in a folder, with what isn't usual there."""
    with contextlib.closing(Record(folder)) as record:
        yield Situation(
            envelope=instance.envelope,
            torchserve=instance.endpoints,
            models=list(instance.models),
            folder=folder,
            marks=record.environment,
            **other,
        )


def refusal_of(
    release: str, folder: Path, *, flags: str = "", signatures: Path | None = None
) -> Refusal:
    """Tell how a wrapper on the SDK of a release ends that is to refuse its start."""
    with _around(NOBODY, folder, protocol_version=None, signatures=signatures) as situation:
        subject = Subject(command=f"{OURS_COMMAND} {flags}")
        python = provision.provision(release).python
        return refusal.watch(subject, python, situation, processes.of_sdks())


@contextlib.contextmanager
def wrapper(
    release: str,
    instance: Instance,
    folder: Path,
    *,
    protocol: str | None = None,
    command: str = OURS_COMMAND,
    flags: str = "",
    wait: bool = True,
    more: Mapping[str, str] | None = None,
) -> Iterator[RunningWrapper]:
    """Start a wrapper on the SDK of a release; kill it with the context.

    Who asks how it ends has it end within the context: the interpreter's end alone takes as much
    of a processor as its start.

    Args:
        command: what starts it; its flags come behind it.
        more: further variables of its environment.
        wait: whether to wait for its models to be ready.
    """
    with _around(instance, folder, protocol_version=protocol, variables=more or {}) as situation:
        subject = Subject(command=f"{command} {flags}")
        python = provision.provision(release).python
        waited = instance.models if wait else []
        running = launch.start(subject, python, situation, waited, forks=processes.of_sdks())
        try:
            yield running
        finally:
            running.kill()


def is_alive(url: str) -> bool:
    """Tell whether the wrapper at an address answers."""
    try:
        return requests.get(f"{url}/v2/health/live", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def peak_memory(subject: RunningWrapper, afresh: bool = False) -> int:
    """Give the most memory, in bytes, that a wrapper's first process has had.

    Args:
        afresh: whether what it had before is forgotten.
    """
    process = Path(f"/proc/{subject.process_group}")
    if afresh:
        (process / "clear_refs").write_text("5")
    lines = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) * 1024
