"""Bodies larger than a server takes: how they are sent, and what they cost it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from drill import asking, wire
from drill.asking import Address
from drill.pod import Wrapper

_CHUNK = bytes(64 * 1024)
# Seconds that a server has to say that a body is too large whose length it was told.
_REFUSES_WITHIN = 2.0


def expecting(address: Address, size: int) -> str:
    """Tell a length, ask whether to send, and send nothing; give what was said."""
    head = wire.head(address, f"Content-Length: {size}", "Expect: 100-continue")
    with wire.connected(address, _REFUSES_WITHIN) as connection:
        connection.sendall(head)
        return wire.status(connection)


def post_at_once(address: Address, size: int, count: int, *, in_chunks: bool) -> list[str]:
    """Post so many bodies side by side; give the status of each."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: _post_large(address, size, in_chunks), range(count)))


def post_valid(address: Address, size: int) -> str:
    """Post JSON that is as large, and that the server takes; give its status."""
    numbers = "1.25," * (size // 5)
    order = f'{{"number": {asking.next_number()}, "padding": [{numbers}1.25]}}'
    body = f'{{"instances": [{order}]}}'.encode()
    return wire.post(address, asking.path("V1", address.model), body)


def forget_peaks(wrapper: Wrapper) -> None:
    """Forget the most memory that its processes have had until now."""
    for process in wrapper.processes():
        with contextlib.suppress(OSError):
            Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def peaks(wrapper: Wrapper) -> int:
    """Give the bytes of the most memory that its processes have had since, together."""
    total = 0
    for process in wrapper.processes():
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            told = dict(line.split(":", 1) for line in lines)
            total += int(told["VmHWM"].split()[0]) * 1024
    return total


def _post_large(address: Address, size: int, in_chunks: bool) -> str:
    length = "Transfer-Encoding: chunked" if in_chunks else f"Content-Length: {size}"
    with wire.connected(address) as connection:
        # A server may refuse what it has seen, and read no further.
        with contextlib.suppress(OSError):
            connection.sendall(wire.head(address, length))
            for part in _parts(size, in_chunks):
                connection.sendall(part)
        return wire.status(connection)


def _parts(size: int, in_chunks: bool) -> Iterator[bytes]:
    for _ in range(size // len(_CHUNK)):
        yield b"%x\r\n%b\r\n" % (len(_CHUNK), _CHUNK) if in_chunks else _CHUNK
    rest = _CHUNK[: size % len(_CHUNK)]
    if in_chunks:
        yield b"%x\r\n%b\r\n0\r\n\r\n" % (len(rest), rest) if rest else b"0\r\n\r\n"
    else:
        yield rest
