"""How a command ends: its exit code, and the tree of errors that stand behind 2 and 3.

Each error's text is a sentence for a person: what is wrong, where, and what to do. Below, each has
the step that raises it, and under each base they stand in the order in which a command comes to
the steps: options, data files, results, planning, environments, running, judging::

    WrongUsage              whatever the step: what is the user's to mend, exit code 2
        TargetError         options: an address, a model or a choice that can't be asked so
        AccessError         options: a way to a service that can't be gone, a file of it
        HeaderError         options: a header field that can't be sent with every request
        DataFileError       data files: one that can't be read, or that says what it can't
        RequirementsError   data files: a version that has no requirement set, or can't be frozen
        ResultsError        results: a file that is none of a run
        ReportError         results: a departure that there is none of, or too little is known
        MergeError          results: files that aren't parts of one run
    NotKnown                whatever the step: what keeps a command from finding out, exit code 3
        Disagreement        results: parts of one run that contradict each other
        Unprovisioned       running: what a check needs and can't be had
        SubjectFailed       running: a subject that leaves nothing to judge

What is about the subject alone, such as `expect.Departure`, is a verdict and ends no command. The
matrix has more of both: see `matrix.errors`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ExitCode(enum.IntEnum):
    """What a command tells the one who called it."""

    AS_EXPECTED = 0
    AGAINST_SUBJECT = 1
    """A verdict against what was judged. It stands even where something else isn't known."""
    WRONG_USAGE = 2
    """Options, a data file or results that the user has to mend."""
    NOT_KNOWN = 3
    """The harness or its surroundings failed, or there is too little to judge by."""


class WrongUsage(Exception):
    """What is the user's to mend: an option, a data file, results that don't go together."""


class NotKnown(Exception):
    """What keeps a command from finding out what it was asked."""


class DataFileError(WrongUsage):
    """A data file that can't be used, whatever it holds.

    Args:
        wrong: what is wrong, and what to write.
        place: where in the file, such as ``kserve[3].python``; empty for the file as a whole.
        path: the file; `located` adds what isn't known where it is raised.
    """

    def __init__(self, wrong: str, place: str = "", path: Path | str | None = None) -> None:
        super().__init__(": ".join(str(each) for each in (path, place, wrong) if each))
        self.wrong = wrong
        self.place = place
        self.path = path


@contextmanager
def located(path: Path | str | None = None, place: str = "") -> Iterator[None]:
    """Say of an error in a data file in which file it is, or in which part of it."""
    try:
        yield
    except DataFileError as error:
        if error.path is not None:
            raise
        places = [each for each in (place, error.place) if each]
        raise DataFileError(error.wrong, ".".join(places), path) from None
