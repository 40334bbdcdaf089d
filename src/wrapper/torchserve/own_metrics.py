"""TorchServe's own metrics, as its metrics server tells them."""

from __future__ import annotations

import asyncio
import http
import logging

from prometheus_client.parser import text_string_to_metric_families

from wrapper.address import Address
from wrapper.torchserve.http_connection import ConnectionBroken
from wrapper.torchserve.http_pool import HttpPool, Unreachable

# Seconds. A scrape has ten by default, and is answered without TorchServe's when it is gone.
_WITHIN = 1.0

logger = logging.getLogger("wrapper")


class OwnMetrics:
    """Asks for them whenever the wrapper is asked for its own."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._told: str | None = None

    async def fetch(self) -> bytes | None:
        """Give them in Prometheus' text format, None where TorchServe doesn't tell them in time."""
        try:
            text = await self._text()
            # What can't be read would take the wrapper's own along.
            for _ in text_string_to_metric_families(text):
                pass
        except (Unreachable, ConnectionBroken, asyncio.TimeoutError, ValueError) as error:
            self._tell(f"{type(error).__name__}")
            return None
        self._told = None
        ends = "" if not text or text.endswith("\n") else "\n"
        return (text + ends).encode()

    async def _text(self) -> str:
        pool = HttpPool(self._address)
        head = f"GET /metrics HTTP/1.1\r\nhost: {self._address}\r\n\r\n"
        try:
            answer = await pool.ask(head.encode(), b"", _WITHIN)
        finally:
            pool.close()
        if answer.status != http.HTTPStatus.OK:
            raise ValueError(f"status {answer.status}")
        return answer.body.decode()

    def _tell(self, why: str) -> None:
        """Say once why they are missing, not at every scrape."""
        if why != self._told:
            self._told = why
            logger.warning("TorchServe's own metrics are missing (%s, from %s)", why, self._address)
