"""Models of a test's own in a TorchServe that is lent, under names that nobody else gives."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Iterator

import requests

from fixtures.torchserve import Instance

_numbers = itertools.count()


@contextlib.contextmanager
def registered(lent: Instance, source: str) -> Iterator[Instance]:
    """Register one of its archives as a model of its own, and give the instance with that alone."""
    name = f"{source}-{os.getpid()}-{next(_numbers)}"
    query = {
        "url": f"{source}.mar",
        "model_name": name,
        "initial_workers": "1",
        "synchronous": "true",
    }
    answer = requests.post(f"{management(lent)}/models", params=query, timeout=120)
    assert answer.status_code == 200, answer.text
    try:
        yield dataclasses.replace(lent, models=(name,))
    finally:
        unregister(lent, name)


def unregister(lent: Instance, name: str) -> None:
    """Have TorchServe unload a model, if it is there."""
    for _ in range(2):
        # It fails where the queue is full, and goes on when it is asked again.
        answer = requests.delete(f"{management(lent)}/models/{name}", timeout=120)
        if answer.status_code in (200, 404):
            return
    raise AssertionError(answer.text)


def management(lent: Instance) -> str:
    """Give the address of its management server."""
    return f"http://{lent.endpoints.host}:{lent.endpoints.management}"
