"""The wrapper as a process on a real SDK, before a TorchServe of the test's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from fixtures.leftovers import Record
from fixtures.torchserve import Instance
from matrix import launch, provision
from matrix.launch import RunningWrapper, Situation
from matrix.subject import Subject

# The oldest, a middle and the newest SDK: tornado, uvicorn by fork, uvicorn by spawn.
RELEASES = ("0.9.0", "0.13.1", "0.21.0")


@contextlib.contextmanager
def wrapper(
    release: str,
    torchserve: Instance,
    folder: Path,
    *,
    protocol: str | None = None,
    flags: str = "",
    wait: bool = True,
    more: Mapping[str, str] | None = None,
) -> Iterator[RunningWrapper]:
    """Start a wrapper on the SDK of a release; end it with the context.

    Args:
        more: further variables of its environment.
        wait: whether to wait for its models to be ready.
    """
    with contextlib.closing(Record(folder)) as record:
        situation = Situation(
            protocol_version=protocol,
            envelope=torchserve.envelope,
            torchserve=torchserve.endpoints,
            models=list(torchserve.models),
            folder=folder,
            marks={**record.environment, **(more or {})},
        )
        subject = Subject(command=f"{{python}} -m wrapper {flags}")
        python = provision.provision(release).python
        running = launch.start(subject, python, situation, torchserve.models if wait else [])
        try:
            yield running
        finally:
            running.stop()
