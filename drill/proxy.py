"""A proxy between a wrapper and a port of TorchServe: it can say nothing, or cut connections."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Self

_CHUNK = 65536


class Proxy:
    """Hands bytes on to a port of this machine, but for the time that it hangs.

    Attributes:
        port: where it listens, on the loopback address.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._flows.set()
        self._connections: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        listening = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        self.port: int = self._server.sockets[0].getsockname()[1]

    def hang(self) -> None:
        """Hand nothing on, of connections that are there and of those to come; keep all open."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def go_on(self) -> None:
        """Hand on again what has come meanwhile."""
        self._loop.call_soon_threadsafe(self._flows.set)

    def cut(self) -> None:
        """End the connections that are there, whatever is on its way; serve those to come."""
        self._loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        for task in self._connections:
            task.cancel()

    def close(self) -> None:
        """End it with its connections."""
        self._loop.call_soon_threadsafe(self._end)
        self._thread.join()
        self._loop.close()

    def _end(self) -> None:
        self._server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        # Behind what the cancelled do in the end.
        self._loop.call_later(0.1, self._loop.stop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._flows.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            both = self._pass_on(reader, back), self._pass_on(there, writer)
            await asyncio.gather(*both)
        writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(_CHUNK):
                await self._flows.wait()
                writer.write(chunk)
                await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
