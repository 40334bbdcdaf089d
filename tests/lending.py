"""TorchServe instances that all processes of a test session share, one for each envelope.

The session's first process starts one when it is first asked for, and ends all with the session.
Who borrows one leaves its models, its workers and its settings as they are, and registers models
only under names that nobody else gives. Tests that need more have a TorchServe of their own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from socketserver import ThreadingMixIn
from typing import Any, cast
from xmlrpc.client import Fault, ServerProxy
from xmlrpc.server import SimpleXMLRPCServer

from fixtures import models
from fixtures import torchserve as torchserves
from fixtures.torchserve import Envelope, Instance, TorchServe, TorchServeError

RELEASE = "0.12.0"
MODELS = ("contract", "digits", "echo")
# Of envelopes for which some models are made.
MORE: Mapping[str, tuple[str, ...]] = {"kservev2_faithful": ("arrays",)}
# What may be registered under another name.
STORED = ("misbehaving", "witness")
# Where the session's first process is asked.
_LENDER = "TESTS_TORCHSERVE_LENDER"


def instance(envelope: Envelope, *names: str) -> Instance:
    """Borrow the TorchServe of an envelope, with those of its models that are named, or all.

    Raises:
        TorchServeError: when it doesn't start.
    """
    try:
        # mypy: what a procedure gives isn't known before it is called.
        lent = cast("dict[str, Any]", ServerProxy(os.environ[_LENDER]).lend(envelope))
    except Fault as fault:
        raise TorchServeError(fault.faultString) from None
    borrowed = Instance.from_dict(lent)
    assert set(names) <= set(borrowed.models)
    return dataclasses.replace(borrowed, models=names or borrowed.models)


@contextlib.contextmanager
def shared() -> Iterator[None]:
    """Let this process, and those that it starts, borrow."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_Server(("127.0.0.1", 0), logRequests=False))
        lender = _Lender()
        stack.callback(lender.close)
        server.register_function(lender.lend)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        os.environ[_LENDER] = f"http://127.0.0.1:{server.server_address[1]}"
        stack.callback(os.environ.pop, _LENDER)
        yield


class _Server(ThreadingMixIn, SimpleXMLRPCServer):
    daemon_threads = True


class _Lender:
    def __init__(self) -> None:
        self._running: dict[str, TorchServe] = {}
        self._starting: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._closed = False

    def lend(self, envelope: Any) -> dict[str, Any]:
        with self._starting[envelope]:
            if self._closed:
                raise TorchServeError("the session that lends it has ended")
            if envelope not in self._running:
                self._running[envelope] = torchserves.start(
                    "process",
                    release=RELEASE,
                    envelope=envelope,
                    models=[models.archive(name) for name in (*MODELS, *MORE.get(envelope, ()))],
                    # As the cells of the matrix have it.
                    versions={
                        f"contract/{models.SECOND}": models.archive("contract", models.SECOND)
                    },
                    stored=[models.archive(name) for name in STORED],
                    config={"enable_model_api": "true"},
                )
            return self._running[envelope].instance.to_dict()

    def close(self) -> None:
        self._closed = True
        with contextlib.ExitStack() as stack:
            # What is just being started is ended, too.
            for lock in list(self._starting.values()):
                stack.enter_context(lock)
            for torchserve in self._running.values():
                stack.callback(torchserve.stop)
