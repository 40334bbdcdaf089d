"""The end of a log, as results keep it."""

from __future__ import annotations

from kserve_conformance.text.redaction import without_secrets

# Enough to hold a traceback of the SDK's; a run of 27 releases stays readable in one file.
_LONGEST = 4000
# Of a log of many megabytes no more is looked at than may come to be its end.
_LOOKED_AT = 10


def last_lines(log: str, longest: int = _LONGEST) -> str:
    """Give the last lines of a log, whole ones and without secrets: half of one isn't known as it.

    Of a last line that alone is too long the beginning is given.
    """
    if len(log) <= longest:
        return log
    log = without_secrets(_whole_lines(log, _LOOKED_AT * longest))
    return _whole_lines(log, longest)[:longest]


def _whole_lines(log: str, longest: int) -> str:
    if len(log) <= longest:
        return log
    # What follows the first line's end that the limit reaches back to.
    return log[-longest - 1 :].partition("\n")[2] or log.splitlines()[-1]
