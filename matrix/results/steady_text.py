"""Words without what differs from run to run, so that two runs of the same thing compare."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from kserve_conformance.results.record import Record
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.text import messages

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_ANY = "~"
_LONGEST_ANSWER = 400
_LONGEST_CAUSE = 200
_UNSTEADY = re.compile(
    "|".join(
        (
            # Moments, and the process that KServe's log names after them.
            r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)?",
            r"(?<=\.\d{3} )\d+(?= kserve [A-Z]+ )",
            r"\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\b",
            r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?",
            # Ids of requests, addresses in memory, processes.
            r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
            r"\b[0-9a-f]{32}\b",
            r"\b0x[0-9a-f]+\b",
            r"(?<=process \[)\d+(?=\])",
            r"(?<=\bpid[ =:])\d+",
            r"(?<=\bprocess )\d+",
            # Ports of an address, or named as such.
            r"(?<=[\w.\]]:)\d{4,5}\b",
            r"(?<=\bport[ =:])\d{4,5}\b",
            r"(?<=', )\d{4,5}(?=\))",
            # Seconds that were measured; whole ones are limits that somebody set.
            r"\b\d+\.\d+(?= ?m?s\b)",
            # Folders of this run and of this person; environments are named by what they hold.
            r"(?:/private)?(?:/tmp|/var/folders|/var/tmp)/[^\s'\"():,\\]+",
            r"(?:/root|/home/[^/\s'\"]+|/Users/[^/\s'\"]+|(?<![\w~])~)(?=/)",
            r"(?<=/environments/)[\w.-]+",
            # A text that was cut off names its length, in which its ports are counted.
            r"(?<=\.\.\. \()\d+(?= characters\))",
        )
    )
)
# Most cells say the same, and each view of them asks anew.
_KEPT = 4096
# Members of what checks observe that are seconds.
_SECONDS = frozenset({"alone", "beside", "best", "median", "seconds"})
_RELEASE = re.compile(r"\b\d+(?:\.\d+)+\b")


@functools.lru_cache(maxsize=_KEPT)
def steady(text: str, sign: str = _ANY) -> str:
    """Give a text with one sign for whatever differs in every run of the same thing."""
    return _UNSTEADY.sub(sign, text)


def steady_value(value: Any) -> Any:
    """Give a JSON value with its texts made steady, and without the seconds that it measures."""
    if isinstance(value, str):
        return steady(value)
    if isinstance(value, Mapping):
        # What was late beside others has been measured again, and has more of them.
        return {
            name: steady_value(each)
            for name, each in value.items()
            if not (name in _SECONDS and isinstance(each, (float, list)))
        }
    if isinstance(value, (list, tuple)):
        return [steady_value(each) for each in value]
    return value


def across_cells(record: Record) -> str:
    """Give why a verdict is not passed, without what differs between cells that say the same."""
    if not record.message:
        return ""
    return alike(f"{cause(record.message)}: {answer(record)}", record.axes)


def alike(text: str, axes: Mapping[str, str], sign: str = _ANY) -> str:
    """Give a text with a sign for what differs between cells that say the same.

    That is what differs from run to run, and releases, the envelope, and the cell's own model,
    which is named for the cell: see `matrix.running.late_model.name_of`.
    """
    own_model = f"{axes.get('kserve')}-{axes.get('protocol')}-{axes.get('envelope')}"
    plain = text.replace(own_model, sign).replace(f"envelope {axes.get('envelope')}", sign)
    return _RELEASE.sub(sign, steady(plain, sign))


def answer(record: Record) -> str:
    """Give what the subject answered last where it failed, unless the message holds it."""
    # One that isn't offered has a reason.
    return last_answer(record) if record.verdict is Verdict.FAILED else ""


def last_answer(record: Record) -> str:
    """Give the last answer's body on one line, or its head, unless the message holds it."""
    exchanges = record.evidence.get("exchanges", ())
    # A check that compares bodies has told what it saw.
    if not exchanges or isinstance(record.observed, (dict, list)):
        return ""
    head, _, body = exchanges[-1]["response"].partition("\n\n")
    said = _one_line(body) or first_line(head)
    if said in _one_line(record.message):
        return ""
    return said if len(said) <= _LONGEST_ANSWER else said[: _LONGEST_ANSWER - 1].rstrip() + ELLIPSIS


def cause(message: str, longest: int | None = None) -> str:
    """Give the line of a message to tell, and to group by; see `messages.cause`."""
    return messages.cause(message, longest)


def short_cause(record: Record) -> str:
    """Give why a verdict is what it is, on one line of a terminal."""
    return cause(record.message, _LONGEST_CAUSE)


def first_line(text: str, longest: int | None = None) -> str:
    """Give the first line of what was answered or seen, cut off where it is too long."""
    line = text.strip().partition("\n")[0]
    return line if longest is None else messages.cut(line, longest)


def _one_line(text: str) -> str:
    return " ".join(text.split())
