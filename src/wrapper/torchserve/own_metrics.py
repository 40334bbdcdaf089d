"""TorchServe's own metrics, as its metrics server tells them."""

from __future__ import annotations

import asyncio
import logging

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from wrapper.address import Address

# Seconds. A scrape has ten by default, and is answered without TorchServe's when it is gone.
_WITHIN = 1.0

logger = logging.getLogger("wrapper")


class OwnMetrics:
    """Asks for them whenever the wrapper is asked for its own."""

    def __init__(self, address: Address) -> None:
        self._url = f"http://{address}/metrics"
        self._told: str | None = None

    async def fetch(self) -> bytes | None:
        """Give them in Prometheus' text format, None where TorchServe doesn't tell them in time."""
        try:
            text = await self._text()
            # What can't be read would take the wrapper's own along.
            for _ in text_string_to_metric_families(text):
                pass
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError, ValueError) as error:
            self._tell(f"{type(error).__name__}")
            return None
        self._told = None
        ends = "" if not text or text.endswith("\n") else "\n"
        return (text + ends).encode()

    async def _text(self) -> str:
        limit = aiohttp.ClientTimeout(total=_WITHIN)
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.get(self._url) as answer,
        ):
            answer.raise_for_status()
            return await answer.text()

    def _tell(self, why: str) -> None:
        """Say once why they are missing, not at every scrape."""
        if why != self._told:
            self._told = why
            logger.warning("TorchServe's own metrics are missing (%s, from %s)", why, self._url)
