"""Where one of TorchServe's servers listens, out of what its configuration says."""

from __future__ import annotations

import dataclasses
import ipaddress
import re

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}

# TorchServe's own pattern (Connector and ConfigManager of 0.12.0), which has neither a trailing
# slash nor IPv6: it doesn't start with those, and nothing is lost by reading them.
_HTTP = re.compile(r"(?P<scheme>https?)://(?P<host>\[[^\]]+\]|[^:/^]+)(:(?P<port>\d+))?/?", re.I)

# TorchServe refuses the last one, too.
_FIRST_IMPOSSIBLE_PORT = 65535


@dataclasses.dataclass(frozen=True)
class Address:
    """Where one of TorchServe's servers listens, as the wrapper can reach it."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class AddressError(ValueError):
    """An address that can't be used. Its text is what to do about it."""


def read(value: str, default_port: int) -> Address:
    """Give the address behind a property such as ``inference_address``.

    Args:
        default_port: the port that TorchServe takes where the address has none.

    Raises:
        AddressError: when TorchServe would refuse it, or the wrapper can't speak to it.
    """
    if value.startswith("unix:"):
        raise AddressError(
            "the wrapper can't use unix domain sockets: write it as http://HOST:PORT"
        )
    if "${" in value:
        raise AddressError("TorchServe doesn't expand ${NAME}: write $$NAME$$")
    found = _HTTP.fullmatch(value.strip())
    if found is None:
        raise AddressError("write it as http://HOST:PORT")
    if found["scheme"].lower() == "https":
        raise AddressError(
            "the wrapper doesn't speak TLS to TorchServe, which is in its own pod: write it as "
            "http://HOST:PORT"
        )
    port = default_port if found["port"] is None else int(found["port"])
    if not 0 < port < _FIRST_IMPOSSIBLE_PORT:
        raise AddressError(f"{port} is no port: write one from 1 to {_FIRST_IMPOSSIBLE_PORT - 1}")
    return Address(reachable(_host(found)), port)


def host(value: str) -> str:
    """Give the host that a property such as ``inference_address`` binds, "" where it has none."""
    found = _HTTP.fullmatch(value.strip())
    return "" if found is None else _host(found)


def is_loopback(host: str) -> bool:
    """Tell whether a server that listens on this host is reached from its own pod only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def reachable(host: str) -> str:
    """Give the host by which a server is reached that listens on this one."""
    return _WILDCARDS.get(host, host)


def _host(found: re.Match[str]) -> str:
    return found["host"].strip("[]")
