"""Releases of packages that have a lock and an environment of their own."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from kserve_conformance.errors import DataFileError
from packaging.requirements import InvalidRequirement, Requirement


@dataclass(frozen=True)
class Release:
    """A release of a package, and what its environment is made of.

    A subclass stands for one package; what its releases have in common are class variables.

    Attributes:
        release: its version.
        python: the minor version of Python that it runs on, e.g. ``3.9``.
        cut_off: the day (00:00 UTC) whose package index its lock is resolved from.
        also: further requirements of its lock.
        without: declared dependencies that its lock leaves out.
        from_source: packages that are installed from source, being pure Python.
        package: the package's name at the index.
        modules: what is imported, and thereby compiled, to see that its environment can be used,
            with commas between; the one of the package's name if it is empty.
        title: what messages call the package.
        locks: the folder of its releases' locks.
        data_file: the file that names its releases.
        beside_the_wrapper: whether the wrapper's own dependencies belong into its locks.
        lock_option: by which `lock` is told to make one, with ``{}`` for the version.
        glibc: the least one, where its wheels need a newer one than uv takes Linux to have.
    """

    release: str
    python: str
    cut_off: datetime.date
    also: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    from_source: tuple[str, ...] = ()

    package: ClassVar[str]
    modules: ClassVar[str] = ""
    title: ClassVar[str]
    locks: ClassVar[Path]
    data_file: ClassVar[str]
    beside_the_wrapper: ClassVar[bool]
    lock_option: ClassVar[str]
    glibc: ClassVar[str | None] = None

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        """Read a table of a data file.

        Raises:
            DataFileError: for a cut-off that is no date, or what is no requirement.
        """
        if not isinstance(entry["cut_off"], datetime.date):
            wrong = f"{entry['cut_off']!r} is text: write a date without quotes"
            raise DataFileError(wrong, "cut_off")
        lists = {key: tuple(entry.get(key, ())) for key in ("also", "without", "from_source")}
        for key, requirements in lists.items():
            for requirement in requirements:
                try:
                    Requirement(requirement)
                except InvalidRequirement as error:
                    raise DataFileError(f"{requirement!r}: {error}", key) from None
        return cls(entry["release"], entry["python"], entry["cut_off"], **lists)

    def __str__(self) -> str:
        return f"{self.title} {self.release}"

    @property
    def contents(self) -> str:
        """Say what its lock holds."""
        return str(self)

    @property
    def lock_command(self) -> str:
        """Give the command that makes its lock."""
        return f"python -m matrix lock {self.lock_option.format(self.release)}"
