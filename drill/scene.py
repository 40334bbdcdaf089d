"""What a fault finds: the pod that it strikes, the load and the probe on it, and a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drill.asking import Address
from drill.judging import Figure
from drill.load import Load, Probe
from drill.outcomes import Outcome
from drill.pod import Pod


@dataclass
class Scene:
    """One row while it is run.

    Attributes:
        load: None where the row has none.
        options: what rows.toml tells the fault.
        healed: when what had been broken was whole again, of `time.monotonic`; None until then.
        afterwards: what is still to be seen once the load has ended.
        orders: requests of the fault's own that a user might have made, for the gateway to replay.
    """

    pod: Pod
    load: Load | None
    probe: Probe | None
    options: Mapping[str, Any]
    healed: float | None = None
    afterwards: list[Callable[[], Mapping[str, Figure]]] = field(default_factory=list)
    orders: list[Outcome] = field(default_factory=list)

    @property
    def address(self) -> Address:
        """Give where the wrapper is asked."""
        return self.pod.wrapper.address

    def heal(self) -> None:
        """Take it that what was broken is whole again."""
        self.healed = time.monotonic()
