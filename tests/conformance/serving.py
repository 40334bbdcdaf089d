"""The wrapper before real TorchServe, as the suite and real clients meet it: by its address."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from fixtures.torchserve import Instance
from tests.wrapper.running import wrapper

# The oldest SDK, the oldest with gRPC, and the newest.
RELEASES = ("0.9.0", "0.10.2", "0.21.0")


@dataclass(frozen=True)
class Serving:
    """A running wrapper.

    Attributes:
        grpc: None where the SDK has no gRPC server.
        torchserve: what stands behind it.
    """

    release: str
    url: str
    grpc: str | None
    torchserve: Instance

    @property
    def http(self) -> str:
        """Give ``HOST:PORT`` of its REST routes."""
        return self.url.removeprefix("http://")


@contextlib.contextmanager
def serving(
    release: str, instance: Instance, folder: Path, more: Mapping[str, str] | None = None
) -> Iterator[Serving]:
    """Run the wrapper on an SDK release before a TorchServe.

    Args:
        more: further variables of its environment.
    """
    protocol = "v1" if instance.envelope == "kserve" else "v2"
    with wrapper(release, instance, folder, protocol=protocol, more=more) as running:
        has_grpc = Version(release) >= Version("0.10")
        target = f"127.0.0.1:{running.grpc_port}" if has_grpc else None
        yield Serving(release, running.url, target, instance)
