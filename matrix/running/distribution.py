"""How pytest-xdist hands the checks out: all of one SDK release to one worker.

A scheduler of its own instead of ``xdist_group`` marks: with pytest 9.2, xdist 3.8 hands
marked tests out as if they had no mark (pytest-dev/pytest-xdist#1386).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from matrix.planning.cells import Cell


class ByRelease(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out the checks of one SDK release at a time."""

    def __init__(self, config: pytest.Config, log: Any, visits: Mapping[str, Cell]) -> None:
        super().__init__(config, log)
        self._visits = visits

    def _split_scope(self, nodeid: str) -> str:
        cell = self._visits.get(visit_of(nodeid))
        return cell.kserve if cell else nodeid

    def remove_node(self, node: Any) -> str | None:
        """Take a worker out; give the check that it died of, None where it ended well.

        The original hands that check out again, to kill the next worker too.
        """
        work: Mapping[str, dict[str, bool]] = self.assigned_work.get(node, {})
        pending = [(unit, check) for unit in work.values() for check in unit if not unit[check]]
        for unit, deadly in pending[:1]:
            unit[deadly] = True
        super().remove_node(node)
        return pending[0][1] if pending else None


def visit_of(nodeid: str) -> str:
    """Give the name of a cell's visit out of the node id of one of its checks."""
    return nodeid.partition("[")[2].rpartition("]")[0]
