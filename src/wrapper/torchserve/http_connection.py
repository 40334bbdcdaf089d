"""One connection to TorchServe's REST server, on which one request after another is asked.

httptools parses what comes back (llhttp, which uvicorn reads requests with). A connection has one
answer for each request that was sent whole, or it is of no use any more: nothing that came too
early, too late or in part can be taken for the answer to another request.
"""

from __future__ import annotations

import asyncio
import http
import io
from typing import NamedTuple, cast

import httptools

from wrapper import connections
from wrapper.spliced import LONG, Content, pieces

_NO_BODY = (http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_MODIFIED)


class Answered(NamedTuple):
    """An answer, whatever its status.

    Attributes:
        content_type: empty where it has none.
        encoding: its Content-Encoding, empty where it has none.
    """

    status: int
    body: bytes
    content_type: str
    encoding: str


class ConnectionBroken(Exception):
    """It ended, or what came is no answer. TorchServe may have begun the request."""


class HttpConnection(asyncio.Protocol):
    """Writes requests and reads their answers.

    Attributes:
        may_go_on: whether another request may follow; False from the first doubt on.
    """

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Answered] | None = None
        # What a sender waits for that has more than the connection takes at once.
        self._room: asyncio.Future[None] | None = None
        self._is_full = False
        self._is_sent = False
        self.may_go_on = True
        self._headers: dict[bytes, bytes] = {}
        self._begun = b""
        self._body: io.BytesIO | None = None
        self._lasts_until_end = False

    def is_open(self) -> bool:
        """Tell whether TorchServe would get a request that is sent on it now.

        What it has closed is known by the kernel before this event loop reads it.
        """
        return not connections.is_over(self._transport)

    async def ask(self, head: bytes, body: Content, seconds: float) -> Answered:
        """Send a request and give its answer.

        Args:
            head: the request line and all headers.
            seconds: that it may take.

        Raises:
            ConnectionBroken: when there is no answer, or no whole one.
            asyncio.TimeoutError: when it takes longer.
        """
        answer: asyncio.Future[Answered] = self._loop.create_future()
        self._answer = answer
        self._is_sent = False
        timer = self._loop.call_later(seconds, self._fail, asyncio.TimeoutError())
        try:
            if len(body) <= LONG:
                self._transport.write(head + bytes(body))
            else:
                await self._send(head, body, answer)
            self._is_sent = not answer.done()
            return await answer
        finally:
            timer.cancel()
            # Also where the task was called off: what still comes is no other request's answer.
            if not (self._is_sent and answer.done()) or answer.cancelled() or answer.exception():
                self.close()
            self._answer = None
            # A failed one and this frame would keep each other, and what was sent.
            del answer

    def close(self) -> None:
        """End it at once; what isn't sent yet never is."""
        self.may_go_on = False
        self._transport.abort()

    async def _send(self, head: bytes, body: Content, answer: asyncio.Future[Answered]) -> None:
        """Send a long request as TorchServe takes it, until that has an answer.

        Handed over whole, it would be copied into a buffer of the connection.
        """
        self._transport.write(head)
        for piece in pieces(body):
            if self._is_full:
                self._room = self._loop.create_future()
                await self._room
            if answer.done():
                return
            self._transport.write(piece)

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take what is written to."""
        # uvloop's is none by its class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read what comes of an answer."""
        if self._answer is None or self._answer.done():
            # Nobody has asked.
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionBroken(f"what TorchServe answers is no HTTP ({error})"))

    def eof_received(self) -> None:
        """Take the end for that of an answer without a length (RFC 9112, 6.3), or for a broken one.

        The event loop closes the connection then.
        """
        if self._lasts_until_end:
            self._complete()
        self.may_go_on = False

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever waits for an answer that none comes."""
        self._fail(ConnectionBroken(f"TorchServe closed the connection ({error})"))

    def pause_writing(self) -> None:
        """Have a sender wait."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Have it go on."""
        self._is_full = False
        self._go_on()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Begin an answer, or see that there is one too many."""
        if self._answer is None or self._answer.done():
            self.may_go_on = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep what is needed of the headers, the first of each."""
        self._headers.setdefault(name.lower(), value)

    def on_headers_complete(self) -> None:
        """See how the end of the body will be known."""
        self._lasts_until_end = not (
            b"content-length" in self._headers
            or b"transfer-encoding" in self._headers
            or self._parser.get_status_code() in _NO_BODY
            or self._is_interim()
        )

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        if self._body is not None:
            self._body.write(part)
        elif not self._begun:
            self._begun = part
        else:
            # Grows in its place: to join parts at the end would take the memory of two.
            self._body = io.BytesIO()
            self._body.writelines((self._begun, part))

    def on_message_complete(self) -> None:
        """End the answer, unless another one follows that it only announces."""
        if self._is_interim():
            self._forget()
        else:
            self.may_go_on = self.may_go_on and self._parser.should_keep_alive()
            self._complete()

    def _is_interim(self) -> bool:
        return self._parser.get_status_code() < http.HTTPStatus.OK

    def _complete(self) -> None:
        if self._answer is not None and not self._answer.done():
            content_type, encoding = (
                self._headers.get(name, b"").decode("latin-1")
                for name in (b"content-type", b"content-encoding")
            )
            body = self._begun if self._body is None else self._body.getvalue()
            status = self._parser.get_status_code()
            self._answer.set_result(Answered(status, body, content_type, encoding))
        self._forget()
        self._go_on()

    def _fail(self, error: Exception) -> None:
        self.may_go_on = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self._forget()
        self._go_on()

    def _forget(self) -> None:
        self._headers = {}
        self._begun = b""
        self._body = None
        self._lasts_until_end = False

    def _go_on(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
