"""What a message tells first: its cause, also where only a log that follows has it.

A message is a sentence, and may be followed by more lines: the log of a process that ended, what
an assertion compared. People are told the first line, and findings are grouped by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kserve_conformance.text.redaction import without_secrets

_LONGEST = 300
# What a sentence ends with that has the log behind it, and nothing of it in itself.
_ANNOUNCED = re.compile(r"[;.] (?:the end of its log|its log ends|it said):$", re.IGNORECASE)

_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# What stands before the text of a line: TorchServe's words about a worker, the moment and the
# process that a logger tells, glog's, the bars of an exception group's traceback.
_COLUMNS = re.compile(
    r"^(?:\S+ \[[A-Z]+ *\] \S+ MODEL_LOG - |"
    r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|[+-]\d\d:?\d\d))?\]? ?"
    r"(?:\[?\d+\]? )?|"
    r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ |"
    r" +\| )"
)
_TRACEBACK = "Traceback (most recent call last)"
_FRAME = re.compile(r'\s+File ".+", line \d+')
_EXCEPTION = re.compile(r"(?!(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):)[A-Za-z_][\w.<>]*(?::|$)")
_FATAL = "Fatal Python error: "
# Of an interpreter that ends anyway, and whatever it ends for.
_IGNORED = "Exception ignored "
_NO_CAUSE = re.compile(r"(?:SystemExit(?:: -?\d+)?|KeyboardInterrupt|[\w.]*CancelledError:?)$")
# Java's frames, and what stands before an exception's name.
_AT = re.compile(r"\s+(?:at [\w.$/@<>-]+\(|\.\.\. \d+ )")
_THROWN = re.compile(r'^(?:Caused by: |Exception in thread "[^"]*" )')
# What the waiting itself makes a server log.
_ACCESS = re.compile(r'"(?:GET|HEAD|POST) /')
_QUIET = re.compile(r"\b(?:DEBUG|INFO)\b")
_LOUD = re.compile(r"\b(?:ERROR|CRITICAL|FATAL)\b")


def with_log(sentence: str, log: str) -> str:
    """Make the message of a process from a sentence without its full stop, and its log's end."""
    if not log.strip():
        return f"{sentence}, and wrote nothing"
    return f"{sentence}: {telling_line(log)}\n{log}"


def with_cause(message: str) -> str:
    """Give a message so that its first line tells the cause.

    A first line that ends in a colon only announces what follows: the line of that which tells
    most is put there. Results of before this was done when a message is made have such ones.
    """
    first, _, rest = message.lstrip().partition("\n")
    first = first.rstrip()
    sentence = _ANNOUNCED.sub("", first)
    if sentence == first and (not first.endswith(":") or not rest.strip()):
        return message
    return with_log(sentence.removesuffix(":"), rest)


def cause(message: str, longest: int | None = None) -> str:
    """Give the line of a message to tell, and to group by, cut to a length if there is one."""
    line = with_cause(message).strip().partition("\n")[0].rstrip()
    return line if longest is None else cut(line, longest)


def cut(text: str, longest: int) -> str:
    """Give the beginning of a text that is too long, up to the end of a word."""
    if len(text) <= longest:
        return text
    kept = text[: longest - 3]
    words = kept.rpartition(" ")[0]
    # A long path or the like is cut in two rather than left out.
    return f"{(words if 2 * len(words) > longest else kept).rstrip()}..."


def telling_line(log: str) -> str:
    """Give the line of a log's end that tells most of why it ends there, without secrets.

    That is what the last traceback ends with: Python's, else Java's. Where there is none, it is the
    last line; where that is of no weight, the last one that tells an error. It is empty for a log
    without words, and has no colon at its end.
    """
    # Of all of it: a secret may be known by the line before.
    lines = [
        _COLUMNS.sub("", _COLOURS.sub("", line)).rstrip()
        for line in without_secrets(log).splitlines()
    ]
    raised = list(_raised(lines))
    causes = [line for line in raised if not _NO_CAUSE.match(line)]
    told_by = (*causes[-1:], _thrown(lines), *raised[-1:], _last(lines))
    return cut(next(filter(None, told_by), "").strip(), _LONGEST).rstrip(": ")


def _raised(lines: Sequence[str]) -> Iterator[str]:
    """Give what each of Python's tracebacks ends with; the first lines of it may be cut off."""
    within = ignored = False
    for at, line in enumerate(lines):
        if line.startswith(_FATAL):
            yield line
        elif _TRACEBACK in line or _FRAME.match(line):
            ignored = ignored if within else at > 0 and lines[at - 1].startswith(_IGNORED)
            within = True
        elif not line:
            within = False
        elif within and _EXCEPTION.match(line):
            within = False
            if not ignored:
                more = next((each for each in lines[at + 1 :] if each), "")
                yield f"{line} {more.strip()}" if line.endswith(":") else line


def _thrown(lines: Sequence[str]) -> str:
    """Give the last cause that a stack trace of Java's names, empty where there is none."""
    before = found = ""
    for line in lines:
        if _AT.match(line):
            found = before
        elif line:
            before = line
    return _THROWN.sub("", found)


def _last(lines: Sequence[str]) -> str:
    said = [line for line in lines if line]
    said = [line for line in said if not _ACCESS.search(line)] or said
    if said and _QUIET.search(said[-1]):
        said = [line for line in said if _LOUD.search(line)] or said
    return said[-1] if said else ""
