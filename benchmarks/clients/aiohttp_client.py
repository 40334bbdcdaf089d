"""The wrapper with aiohttp as its client to TorchServe, for comparison. Starts as it does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp

from wrapper.__main__ import main
from wrapper.names import Target
from wrapper.spliced import Content
from wrapper.torchserve import error_table, rest, service
from wrapper.torchserve.exchange import Reply, Verb


class AiohttpInference(rest.RestInference):
    """Sends bodies over aiohttp's pool, with the settings of the one it stands for."""

    _session: aiohttp.ClientSession | None = None

    async def ask(
        self,
        verb: Verb,
        target: Target,
        body: Content,
        headers: Mapping[str, str],
        timeout: float | None = None,
    ) -> Reply:
        """Post a body to the route for the verb."""
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=timeout or self._timeout),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            )
        url = f"http://{self._address}{verb.path(target)}"
        async with self._session.post(url, data=bytes(body), headers=headers) as answer:
            content = await answer.read()
        if answer.status != 200:
            raise error_table.from_answer(answer.status, content, self._limits)
        return Reply(content, answer.headers.get("Content-Type", ""))


if __name__ == "__main__":
    service.RestInference = AiohttpInference  # type: ignore[attr-defined]
    main()
