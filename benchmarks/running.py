"""A server under load, started as the matrix starts it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fixtures import models
from fixtures.leftovers import Record
from fixtures.torchserve import Instance
from matrix.environments import locking, own_requirements, provision
from matrix.environments.provision import Environment
from matrix.planning import axes
from matrix.planning.subject import Subject
from matrix.running import launch
from matrix.running.launch import RunningWrapper, Situation


@contextlib.contextmanager
def running(
    subject: Subject, release: str, instance: Instance, sources: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Give the base of the REST routes of one that is `started`."""
    with started(subject, release, instance, sources) as wrapper:
        yield wrapper.url


@contextlib.contextmanager
def started(
    subject: Subject,
    release: str,
    instance: Instance,
    sources: Mapping[str, str] | None = None,
    protocol_version: str = "v1",
) -> Iterator[RunningWrapper]:
    """Give a server, once it calls the models of an instance ready.

    Args:
        sources: by model the one of `fixtures.models` that it is, each its own where left out.
        protocol_version: its PROTOCOL_VERSION.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(Record(Path(folder))) as record,
    ):
        situation = Situation(
            protocol_version=protocol_version,
            envelope=instance.envelope,
            torchserve=instance.endpoints,
            models=instance.models,
            folder=Path(folder),
            marks=record.environment,
            archives=models.archives(sources or {name: name for name in instance.models}),
        )
        python = _environment(release, subject.requirements).python
        wrapper = launch.start(subject, python, situation, instance.models)
        try:
            yield wrapper
        finally:
            wrapper.stop()


def _environment(release: str, requirements: Sequence[str]) -> Environment:
    """Give that of a release's SDK, with what a server needs beside it."""
    lock = locking.find(axes.load().release(release))
    return provision.of_lock(own_requirements.make(lock, requirements) if requirements else lock)
