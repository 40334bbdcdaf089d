"""What is wanted of a row's figures, and in words what of it isn't so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kserve_conformance.errors import NotKnown

# A number; None for what never came; a text or texts, such as results of requests.
Figure = float | str | Sequence[str] | None
Figures = Mapping[str, Figure]


class NoFigure(NotKnown):
    """A figure that a row is judged by and wasn't measured."""


@dataclass(frozen=True)
class Wanted:
    """One condition.

    Attributes:
        figure: whose name it is, in `drill.figures` or of the row's fault.
        most: what a number may be at most; one that never came fails.
        least: likewise, at least.
        among: what a text, and each of several, may be.
        has: texts of which one has to be there.
    """

    figure: str
    most: float | None = None
    least: float | None = None
    among: tuple[str, ...] | None = None
    has: tuple[str, ...] | None = None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Wanted:
        """Read an entry of rows.toml."""
        lists = {key: tuple(entry[key]) for key in ("among", "has") if key in entry}
        return cls(**{**entry, **lists})

    def unmet(self, figures: Figures) -> str | None:
        """Say how the condition isn't met, None where it is.

        Raises:
            NoFigure: when the figure wasn't measured.
        """
        if self.figure not in figures:
            raise NoFigure(f"the figure {self.figure!r} wasn't measured")
        value = figures[self.figure]
        name = self.figure.replace("_", " ")
        if self.among is not None or self.has is not None:
            unmet = self._unmet_by(_texts(value))
        elif value is None:
            unmet = f"never, wanted {self._bounds()}"
        else:
            assert isinstance(value, float | int), f"{self.figure} is no number: {value!r}"
            too_much = self.most is not None and value > self.most
            too_little = self.least is not None and value < self.least
            is_met = not (too_much or too_little)
            unmet = None if is_met else f"{shown(value)}, wanted {self._bounds()}"
        return None if unmet is None else f"{name}: {unmet}"

    def _unmet_by(self, texts: Sequence[str]) -> str | None:
        if self.has is not None and not set(self.has) & set(texts):
            return f"{shown(texts)}, wanted {' or '.join(self.has)} among it"
        other = [] if self.among is None else [each for each in texts if each not in self.among]
        wanted = " or ".join(self.among or ()) or "none"
        return f"{', '.join(other)}, wanted {wanted}" if other else None

    def _bounds(self) -> str:
        bounds = (("at most", self.most), ("at least", self.least))
        return " and ".join(f"{word} {shown(value)}" for word, value in bounds if value is not None)


def judge(wanted: Sequence[Wanted], figures: Figures) -> list[str]:
    """Say of each condition that isn't met how.

    Raises:
        NoFigure: when one of the figures wasn't measured.
    """
    return [said for each in wanted if (said := each.unmet(figures)) is not None]


def _texts(value: Figure) -> list[str]:
    if value is None or isinstance(value, str | float | int):
        return [shown(value)]
    return list(value)


def shown(value: Figure) -> str:
    """Write a figure for a person, numbers no finer than they were measured."""
    if value is None:
        return "never"
    if isinstance(value, str):
        return value
    if isinstance(value, float | int):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{round(value, 2):g}"
    return ", ".join(value) or "none"
