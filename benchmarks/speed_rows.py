"""The rows of throughput.json as those ask who write of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Rows:
    """What throughput.json tells, to be asked for one row or for what there is."""

    told: Mapping[str, Any]

    def find(self, kserve: str, way: str, body: str, connections: int, subject: str) -> Row | None:
        """Give the row of one measurement, None where there is none."""
        sought = (kserve, way, body, connections, subject)
        keys = ("kserve", "way", "body", "connections", "subject")
        for row in self.told["rows"]:
            if tuple(row[key] for key in keys) == sought:
                return dict(row)
        return None

    def each(self, key: str, **of: object) -> list[Any]:
        """Give what rows have at a key, once each, as they come; of those that are so."""
        rows = self.told["rows"]
        return list(
            dict.fromkeys(
                row[key] for row in rows if all(row[name] == value for name, value in of.items())
            )
        )


def figure(name: str, value: float) -> str:
    """Write a figure with its unit."""
    if name.endswith("cpu_us"):
        return f"{value:,.0f} µs" if value < 10_000 else f"{value / 1e3:,.1f} ms"
    if name.endswith("_ms"):
        return f"{value:.2f} ms" if abs(value) < 10 else f"{value:,.0f} ms"
    return f"{value:.2f}" if name == "ratio" else f"{value:.1f}"
