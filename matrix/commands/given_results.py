"""Results that a command line names: files, or the folders that runs wrote them to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from conformance.outcomes.results import Run
from conformance.outcomes.results_file import ResultsError, read

FILE_NAME = "results.jsonl"
# Where `python -m matrix run` writes when nobody says where.
DEFAULT = Path("results") / FILE_NAME


def file(path: Path) -> Path:
    """Give the results file that a path stands for, which may name its folder."""
    return path / FILE_NAME if path.is_dir() else path


def load(paths: Iterable[Path]) -> list[Run]:
    """Read results that are judged together, such as those of both backends.

    Raises:
        ResultsError: when a file can't be read or isn't of the matrix, or when two of them
            judge the same cell on the same backend.
    """
    files = [file(path) for path in paths]
    runs = [_read(each) for each in files]
    _refuse_overlap(files, runs)
    return runs


def _read(path: Path) -> Run:
    run = read(path)
    # Nobody knows how the TorchServe behind a server runs that was judged at its address.
    if run.header.runtime is None:
        raise ResultsError(
            f"{path} is of a server that was judged at its address (python -m conformance), and "
            "not of the matrix: it has no KServe releases to tell of"
        )
    return run


def _refuse_overlap(files: Sequence[Path], runs: Sequence[Run]) -> None:
    owners: dict[tuple[str, str | None], Path] = {}
    for path, run in zip(files, runs, strict=True):
        for cell in run.header.planned:
            owner = owners.setdefault((cell, run.header.runtime), path)
            if owner is not path:
                raise ResultsError(
                    f"{owner} and {path} both hold {cell} on {run.header.runtime}: runs that are "
                    "judged together have no cell in common; `python -m matrix diff` compares them"
                )
