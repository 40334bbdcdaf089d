"""A front under any ASGI server sees its client go; uvicorn's is seen on real SDKs."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import MutableMapping
from typing import Any

import pytest

from tests.wrapper.front.asking import V1
from tests.wrapper.surroundings import AnsweringTorchServe
from wrapper import connections
from wrapper.front import Front
from wrapper.front.asgi import FrontApplication
from wrapper.torchserve.exchange import Reply

_SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/v1/models/digits:predict",
    "headers": [(b"content-length", str(len(V1)).encode())],
}


class Client:
    """One that sends its request, and goes when the test says so."""

    def __init__(self) -> None:
        self.is_gone = asyncio.Event()
        self.sent: list[MutableMapping[str, Any]] = []
        self.questions = 0

    async def receive(self) -> MutableMapping[str, Any]:
        """Give what an ASGI server does: the body, and that the client has gone when it has."""
        self.questions += 1
        if self.questions == 1:
            return {"type": "http.request", "body": V1}
        await self.is_gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Take a part of the answer."""
        self.sent.append(message)


class Busy(AnsweringTorchServe):
    """Answers after some seconds, unless it is given up before."""

    seconds = 600.0
    given_up = False

    async def ask(self, *_: Any, **__: Any) -> Reply:
        """Answer late."""
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.given_up = True
            raise
        return Reply(b'{"predictions": [1]}')


@pytest.fixture
def busy(torchserve: AnsweringTorchServe) -> Busy:
    """One whose models are ready."""
    torchserve.__class__ = Busy
    assert isinstance(torchserve, Busy)
    return torchserve


async def _sdk(*_: Any) -> None:
    raise AssertionError("the SDK isn't asked")


def test_a_request_whose_client_goes_is_given_up(busy: Busy) -> None:
    async def run() -> None:
        client = Client()
        application = FrontApplication(Front(busy), _sdk)
        asked = asyncio.ensure_future(application(_SCOPE, client.receive, client.send))
        await asyncio.sleep(0.3)
        assert not asked.done()
        client.is_gone.set()
        await asyncio.wait_for(asked, 10)
        assert (busy.given_up, client.sent) == (True, [])

    asyncio.run(run())


def test_one_that_is_answered_late_leaves_nobody_waiting(busy: Busy) -> None:
    busy.seconds = 0.4

    async def run() -> None:
        client = Client()
        await FrontApplication(Front(busy), _sdk)(_SCOPE, client.receive, client.send)
        assert client.sent[0]["status"] == 200
        # The server was asked once more, as the request was long under way.
        assert client.questions == 2
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


def test_one_that_is_answered_at_once_costs_no_task(busy: Busy) -> None:
    busy.seconds = 0.0

    async def run() -> None:
        client = Client()
        loop = asyncio.get_running_loop()
        made: list[object] = []

        def note(loop: Any, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
            made.append(coroutine)
            return asyncio.Task(coroutine, loop=loop, **more)

        loop.set_task_factory(note)
        await FrontApplication(Front(busy), _sdk)(_SCOPE, client.receive, client.send)
        assert client.sent[0]["status"] == 200
        assert (made, client.questions) == ([], 1)

    asyncio.run(run())


@pytest.mark.parametrize("how", ["half", "whole"])
def test_the_kernel_tells_that_the_other_side_has_closed(how: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        server.accept()[0] as connection,
    ):
        client.sendall(b"what is sent before, and not read")
        assert not connections.is_left(connection)
        if how == "half":
            client.shutdown(socket.SHUT_WR)
        else:
            client.close()
        assert connections.is_left(connection)


def test_where_the_kernel_does_not_tell_nobody_has_left() -> None:
    one, other = socket.socketpair()
    with one, other:
        other.close()
        assert not connections.is_left(one)
    assert not connections.is_left(None)
