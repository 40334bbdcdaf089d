"""Who is measured when speed is, beside TorchServe asked directly."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.ways import Way

DIRECTLY = "TorchServe"
WRAPPER = "wrapper"
FLOOR = "floor"


@dataclass(frozen=True)
class Contender:
    """A server in front of TorchServe, or in its place.

    Attributes:
        command: what starts it; see `matrix.planning.subject.Subject`.
        in_every_way: whether it is asked in all ways, not only in those of everybody.
        constant: whether it answers without asking TorchServe.
    """

    name: str
    command: str
    in_every_way: bool = False
    constant: bool = False

    def takes(self, way: Way) -> bool:
        """Tell whether it is measured in a way."""
        return self.in_every_way or way.by_all


_SERVERS = "{python} {repository}/benchmarks/servers"
CONTENDERS = (
    Contender(FLOOR, f"{_SERVERS}/floor.py", in_every_way=True),
    Contender(WRAPPER, "{python} -m wrapper", in_every_way=True),
    Contender("wrapper --bare-sdk", "{python} -m wrapper --bare-sdk"),
    Contender("SDK with a constant", f"{_SERVERS}/constant_model.py", constant=True),
    # As everybody writes it: a subclass of the SDK's model that leaves the call to it.
    Contender("usual design", "{python} {repository}/fixtures/wrappers/unfixed.py"),
)
NAMES = (DIRECTLY, *(each.name for each in CONTENDERS))
