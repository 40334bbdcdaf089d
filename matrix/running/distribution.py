"""How pytest-xdist hands the checks out: those of one cell at a time, to whoever is free.

Most of a cell's time is spent waiting for TorchServe, so that more cells run than there are
processors. A scheduler of its own instead of ``xdist_group`` marks: with pytest 9.2, xdist 3.8
hands marked tests out as if they had no mark (pytest-dev/pytest-xdist#1386).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from matrix.planning.cells import Cell


class ByCell(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out the checks of one cell at a time, all attempts at it together.

    An environment that is still to be made is made in the first check of its release. As many are
    made at a time as there are processors; the other workers get cells that can be run at once.

    Args:
        visits: by the name of a visit, its cell.
        unmade: the releases whose environments are still to be made.
    """

    def __init__(
        self, config: pytest.Config, log: Any, visits: Mapping[str, Cell], unmade: Iterable[str]
    ) -> None:
        super().__init__(config, log)
        self._cells = {visit: cell.id for visit, cell in visits.items()}
        self._releases = {cell.id: cell.kserve for cell in visits.values()}
        self._unmade = set(unmade)
        self._making: set[str] = set()

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """Take note of a check that is over: its environment is there, or can't be made."""
        cell = self._split_scope(self.registered_collections[node][item_index])
        self._unmade.discard(self._releases.get(cell, ""))
        super().mark_test_complete(node, item_index, duration)

    def remove_node(self, node: Any) -> str | None:
        """Take a worker out; give the check that it died of, None where it ended well.

        The original hands that check out again, to kill the next worker too.
        """
        work: Mapping[str, dict[str, bool]] = self.assigned_work.get(node, {})
        pending = [(unit, check) for unit in work.values() for check in unit if not unit[check]]
        for unit, deadly in pending[:1]:
            unit[deadly] = True
        # An environment that it was making is made by another.
        self._making -= {self._releases.get(unit, "") for unit in work}
        super().remove_node(node)
        return pending[0][1] if pending else None

    def _split_scope(self, nodeid: str) -> str:
        return self._cells.get(visit_of(nodeid), nodeid)

    def _assign_work_unit(self, node: Any) -> None:
        self.workqueue.move_to_end(self._next(), last=False)
        super()._assign_work_unit(node)

    def _next(self) -> str:
        """Choose a cell: one that makes an environment, one that needs none made, or any."""
        self._making &= self._unmade
        queue: list[str] = [*self.workqueue]
        releases = {cell: self._releases.get(cell) for cell in queue}
        if len(self._making) < (os.cpu_count() or 1):
            for cell, release in releases.items():
                if release in self._unmade - self._making:
                    self._making.add(release)
                    return cell
        ready = (cell for cell, release in releases.items() if release not in self._unmade)
        return next(ready, queue[0])


def visit_of(nodeid: str) -> str:
    """Give the name of a cell's visit out of the node id of one of its checks."""
    return nodeid.partition("[")[2].rpartition("]")[0]
