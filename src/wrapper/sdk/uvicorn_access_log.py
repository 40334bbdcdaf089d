"""uvicorn's access log, a line for each answer, at a fraction of what `logging` takes for one.

As the SDKs set it up, a line is one format of Python's, and what `logging` makes of each (a record,
two copies of it, the text of the time) cost a request more than all else that the lane does.
"""

from __future__ import annotations

import logging
import re
import time
from typing import Any, TextIO, cast

from uvicorn.logging import AccessFormatter

_LINE = '%s - "%s %s HTTP/%s" %d'

_USED = re.compile(r"%\((\w+)\)")
# What a line may be made of that is the same for all of a second, or is known here of a request.
_KNOWN = frozenset(
    (
        *("asctime", "client_addr", "levelname", "levelno", "levelprefix", "msecs", "name"),
        *("process", "processName", "request_line", "status_code", "thread", "threadName"),
    )
)


class AccessLog:
    """Writes lines as uvicorn does; where the log is set up otherwise, has `logging` write them.

    It looks once a second how the log is set up.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._second = -1
        self._plain: _Plain | None = None

    def tell(self, client: str, method: str, target: str, version: str, status: int) -> None:
        """Write the line of an answer."""
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._plain = _plain(self._logger, now)
        if self._plain is not None and self._plain.write(
            int((now - second) * 1000), client, f"{method} {target} HTTP/{version}", status
        ):
            return
        self._logger.info(_LINE, client, method, target, version, status)


class _Plain:
    """Where lines are written to, and how, for one second."""

    def __init__(
        self,
        handler: logging.StreamHandler[TextIO],
        formatter: Any,
        logger: logging.Logger,
        now: float,
    ) -> None:
        record = logging.LogRecord(logger.name, logging.INFO, "", 0, "", None, None)
        record.created = now
        self._handler = handler
        self._formatter = formatter
        self._format: str = formatter._style._fmt + handler.terminator
        # AccessFormatter's own, whose names are eight letters long with their colon and more.
        prefix = f"{record.levelname}:{' ' * (8 - len(record.levelname))}"
        told = {"asctime": formatter.formatTime(record, formatter.datefmt), "levelprefix": prefix}
        self._fields = {**record.__dict__, **told}
        self._statuses: dict[int, str] = {}

    def write(self, milliseconds: int, client: str, request: str, status: int) -> bool:
        """Write a line; tell whether it could be written."""
        fields = self._fields
        shown = self._statuses.get(status)
        if shown is None:
            shown = self._statuses[status] = self._formatter.get_status_code(status)
        fields["msecs"] = milliseconds + 0.0
        fields["client_addr"] = client
        fields["request_line"] = request
        fields["status_code"] = shown
        handler = self._handler
        handler.acquire()
        try:
            handler.stream.write(self._format % fields)
            handler.stream.flush()
        except Exception:
            return False
        finally:
            handler.release()
        return True


def _plain(logger: logging.Logger, now: float) -> _Plain | None:
    """Give how lines are written where `logging` would do nothing else, None elsewhere."""
    handlers = []
    each: logging.Logger | None = logger
    while each is not None:
        handlers += each.handlers
        each = each.parent if each.propagate else None
    if len(handlers) != 1 or logger.filters or not logger.isEnabledFor(logging.INFO):
        return None
    handler, formatter = handlers[0], handlers[0].formatter
    is_plain = (
        type(handler) is logging.StreamHandler
        and type(formatter) is AccessFormatter
        and not (handler.filters or handler.level > logging.INFO)
        and not (formatter.use_colors or formatter.datefmt is None)
        and type(formatter._style) is logging.PercentStyle
        and not getattr(formatter._style, "_defaults", None)
        and logging.getLogRecordFactory() is logging.LogRecord
        and _KNOWN.issuperset(_USED.findall(formatter._style._fmt))
    )
    if not is_plain:
        return None
    return _Plain(cast("logging.StreamHandler[TextIO]", handler), formatter, logger, now)
