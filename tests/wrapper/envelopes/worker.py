"""The faithful envelopes as a worker of TorchServe runs them, in this process.

They import as much of TorchServe's package as `inside_torchserve` puts there.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from wrapper import envelopes
from wrapper.openinference import frames
from wrapper.torchserve import error_table
from wrapper.torchserve.error_table import Limits

LIMITS = Limits(6553500, 6553500)


class PredictionException(Exception):
    """TorchServe's, of ts/utils/util.py."""

    def __init__(self, message: str, error_code: int = 500) -> None:
        super().__init__(message)
        self.message, self.error_code = message, error_code


class Processor:
    """What is known of one request of a batch."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = headers
        self.status = (200, None)
        self.content_type = ""


class Context:
    """As much of ts/context.py as an envelope and the handlers here use."""

    def __init__(self, *headers: dict[str, str]) -> None:
        self.manifest = {"model": {"modelName": "m"}}
        self.metrics = types.SimpleNamespace(request_ids=None)
        self.request_processor = [Processor(each) for each in headers]
        self.request_ids = {place: f"id-{place}" for place in range(len(headers))}

    def get_request_id(self, idx: int = 0) -> str:
        """Give the name that TorchServe has for a request."""
        return self.request_ids[idx]

    def get_request_header(self, idx: int, key: str) -> str | None:
        """Give a header of a request."""
        return self.request_processor[idx].headers.get(key)

    def get_response_status(self, idx: int) -> Any:
        """Give the status and the phrase of an answer."""
        return self.request_processor[idx].status

    def set_response_status(self, code: int = 200, phrase: Any = "", idx: int = 0) -> None:
        """Set them."""
        self.request_processor[idx].status = (code, phrase)

    def set_response_content_type(self, idx: int, value: str) -> None:
        """Set the media type of an answer."""
        self.request_processor[idx].content_type = value


@contextlib.contextmanager
def inside_torchserve() -> Iterator[None]:
    """Have as much of TorchServe's package as the envelopes import."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ts", "ts.utils", "ts.utils.util"):
            patch.setitem(sys.modules, name, types.ModuleType(name))
        sys.modules["ts.utils.util"].PredictionException = PredictionException  # type: ignore[attr-defined]
        for name in envelopes.MODULES:
            patch.delitem(sys.modules, f"wrapper.envelopes.{name}", raising=False)
        yield
        for name in envelopes.MODULES:
            sys.modules.pop(f"wrapper.envelopes.{name}", None)


def envelope(name: str, handler: Callable[..., Any]) -> Any:
    """Give an envelope around a handler, inside TorchServe."""
    module = importlib.import_module(f"wrapper.envelopes.{name}")
    # As TorchServe finds it: the first class of the module.
    kind: Any = next(
        each
        for each in vars(module).values()
        if isinstance(each, type) and each.__module__ == module.__name__
    )
    return kind(handler)


def told(
    name: str, handler: Callable[..., Any], *rows: Any, headers: Any = None
) -> tuple[list[bytes], Context]:
    """Give what an envelope tells of the requests of a batch, and the context that it had."""
    context = Context(*(headers or [{}] * len(rows)))
    bodies = envelope(name, handler).handle(list(rows), context)
    for place, body in enumerate(bodies):
        status = context.get_response_status(place)[0]
        # What the wrapper knows of it over gRPC, where it sees no status.
        error = error_table.from_prediction(body, LIMITS)
        assert (error is None) == (status == 200)
    return bodies, context


def documents(bodies: list[bytes]) -> list[Any]:
    """Read answers; the data of a tensor that is bytes stay so."""
    read = []
    for body in bodies:
        head, tail = frames.split(bytes(body))
        read.append(frames.joined(json.loads(head), tail))
    return read
