"""What is known of TorchServe's models at one moment, as processes tell each other."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import NamedTuple

NOT_ASKED = "it hasn't been asked about yet"


class Seen(NamedTuple):
    """What is known of one model.

    Attributes:
        reason: in a clause why it can't be served; None when it can.
        versions: the same by version, that which is served by default first; empty as long as
            TorchServe hasn't told them.
        workers: the states of its workers, of all versions.
        has_all: whether it has no versions but those, as far as can be known.
    """

    reason: str | None = NOT_ASKED
    versions: Mapping[str, str | None] = {}
    workers: tuple[str, ...] = ()
    has_all: bool = False


@dataclasses.dataclass(frozen=True)
class Report:
    """What is known of all models.

    Attributes:
        models: by name, in the order in which they are told.
        torchserve: what tells this TorchServe from its successors; empty where it isn't seen.
        is_whole: whether every model has been asked about once.
    """

    models: Mapping[str, Seen]
    torchserve: str = ""
    is_whole: bool = False

    def to_json(self) -> bytes:
        """Write it for another process."""
        return json.dumps(dataclasses.asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Report:
        """Read what `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: when it is something else.
        """
        told = json.loads(text)
        models = {
            name: Seen(reason, versions, tuple(workers), bool(has_all))
            for name, (reason, versions, workers, has_all) in told["models"].items()
        }
        return cls(models, str(told["torchserve"]), bool(told["is_whole"]))
