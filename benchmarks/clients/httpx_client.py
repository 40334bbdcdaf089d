"""The wrapper with httpx as its client to TorchServe, for comparison. Starts as it does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from wrapper.__main__ import main
from wrapper.names import Target
from wrapper.spliced import Content
from wrapper.torchserve import error_table, rest, service
from wrapper.torchserve.exchange import Reply, Verb


class HttpxInference(rest.RestInference):
    """Sends bodies over httpx's pool, with the settings of the one it stands for."""

    _client: Any = None

    async def ask(
        self,
        verb: Verb,
        target: Target,
        body: Content,
        headers: Mapping[str, str],
        timeout: float | None = None,
    ) -> Reply:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            self._loop = loop
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
            self._client = httpx.AsyncClient(
                limits=limits, timeout=timeout or self._timeout, trust_env=False
            )
        url = f"http://{self._address}{verb.path(target)}"
        answer = await self._client.post(url, content=bytes(body), headers=headers)
        if answer.status_code != 200:
            raise error_table.from_answer(answer.status_code, answer.content, self._limits)
        return Reply(answer.content, answer.headers.get("Content-Type", ""))


if __name__ == "__main__":
    service.RestInference = HttpxInference  # type: ignore[attr-defined]
    main()
