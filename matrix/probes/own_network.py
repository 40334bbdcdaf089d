"""Runs a server that listens on every address in a network of its own, and lends it loopback ports.

As a program, ``python -m matrix.probes.own_network PORT... -- COMMAND...``: the command has a
network namespace, in which nobody but this program reaches it. Once it listens on a port there,
the same port of 127.0.0.1 here leads to it: what comes is passed on as bytes, ends of connections
included. It ends with the command, and with its exit code. Without a command it only tries whether
there can be such a network, and exits 1 with why not.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import struct
import sys
from collections.abc import Sequence

from matrix.probes import pod_paths

# Of sched.h, sockios.h and net/if.h.
_NEW_NETWORK = 0x40000000
_SET_FLAGS, _UP = 0x8914, 0x1
_LOOPBACK = "127.0.0.1"
# How often it is looked for whether the server listens, in seconds.
_LOOK_EVERY = 0.02
_AT_ONCE = 65536


def enter() -> None:
    """Give this process a network namespace whose loopback device is up.

    Sockets that it has already stay where they are.

    Raises:
        OSError: when the kernel doesn't let it.
    """
    pod_paths.have_own(_NEW_NETWORK, "a network namespace")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        # A struct ifreq: the name of the device and its flags.
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh22x", b"lo", _UP))


async def _run(command: Sequence[str], lent: Sequence[socket.socket]) -> int:
    process = await asyncio.create_subprocess_exec(*command)
    # It ends after the server, which else nobody would wait for.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _end, process)
    async with contextlib.AsyncExitStack() as stack:
        lending = asyncio.gather(*(_lend(each, stack) for each in lent))
        try:
            return await process.wait()
        finally:
            lending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await lending


def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()


async def _lend(listener: socket.socket, stack: contextlib.AsyncExitStack) -> None:
    """Listen once the server does, so that who waits for a port waits for the server's."""
    port = listener.getsockname()[1]
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(_LOOPBACK, port)
            writer.close()
            break
        await asyncio.sleep(_LOOK_EVERY)

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there = await asyncio.open_connection(_LOOPBACK, port)
            await asyncio.gather(_pass(reader, there[1]), _pass(there[0], writer))
            there[1].close()
        writer.close()

    await stack.enter_async_context(await asyncio.start_server(lead, sock=listener))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_AT_ONCE):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        # One side has broken off, and so it is for the other.
        writer.transport.abort()


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((_LOOPBACK, port))
    return bound


def _main(arguments: Sequence[str]) -> int:
    at = arguments.index("--") if "--" in arguments else len(arguments)
    try:
        # What is bound before the namespace is entered stays outside of it.
        lent = [_bound(int(port)) for port in arguments[:at]]
        enter()
    except OSError as error:
        sys.exit(f"{error.filename or 'its own network'}: {error.strerror}")
    command = arguments[at + 1 :]
    code = asyncio.run(_run(command, lent)) if command else 0
    # A signal that ended it is told as a shell does.
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    os.environ.pop("PYTHONPATH", None)
    sys.exit(_main(sys.argv[1:]))
