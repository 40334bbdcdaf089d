"""TorchServe's REST management API: how a question travels there, with patience and a token."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import threading
from collections.abc import Mapping
from typing import Any

from wrapper.settings import Settings
from wrapper.torchserve import error_table, tokens
from wrapper.torchserve.error_table import Case
from wrapper.torchserve.management_errors import ManagementError, Silent, TokenRefused

# Seconds that TorchServe gives a worker to start (startup_timeout) or to end.
CHANGE_WITHIN = 120.0

# Seconds that a question waits at first before it is asked anew over another connection: some of
# TorchServe's are silent for as long as it loads a model for somebody who waits for that, since
# each of its threads serves several connections. Each time it waits twice as long.
_FIRST_PATIENCE = 0.25


class RestManagement:
    """Asks on a thread of the caller's own, each of which keeps a connection alive for itself."""

    def __init__(self, settings: Settings, keys: tokens.Keys) -> None:
        self._address = settings.management
        self._shares_port = settings.inference == settings.management
        self._keys = keys
        self._timeout = settings.load.timeout
        self._renewing = threading.Lock()
        self._local = threading.local()

    def ask(self, path: str) -> tuple[int, bytes]:
        """Give the status and the body of the answer to a GET.

        Raises:
            TokenRefused: when TorchServe refuses the token.
            ManagementError: when it doesn't answer.
        """
        *first, last = _patiences(self._timeout)
        for seconds in first:
            with contextlib.suppress(Silent):
                return self._ask("GET", path, seconds)
        return self._ask("GET", path, last)

    def change(self, method: str, path: str) -> None:
        """Have TorchServe change something, and wait until it has.

        Raises:
            TokenRefused: when TorchServe refuses the token.
            ManagementError: with TorchServe's own words, when it refuses something else.
        """
        # It answers when the workers are there or gone, which takes longer than to tell a state.
        status, body = self._ask(method, path, CHANGE_WITHIN)
        if status >= 300:
            said = error_table.without_internals(error_table.message(body))
            raise ManagementError(said or f"TorchServe answers {status}", status)

    def renew(self, kind: str, refused: Mapping[str, str]) -> bool:
        """Have TorchServe write a new key into its key file for one that it refuses.

        TorchServe can't do that where both REST servers share a port: it asks for two tokens
        in one header then.

        Args:
            refused: the header that was refused; where another one is known by now, nothing
                is renewed, since that would make the other one void.

        Returns:
            Whether there is another key now, with which the same request may succeed.
        """
        with self._renewing:
            if self._keys.headers(kind) == refused and not self._shares_port:
                key = self._keys.headers(tokens.API)
                if key:
                    self._request("GET", f"/token?type={kind}", key, self._timeout)
            self._keys.forget()
            return self._keys.headers(kind) != refused

    def close(self) -> None:
        """Close this thread's connection; its next question opens another."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
        self._local.connection = None

    def _ask(self, method: str, path: str, seconds: float) -> tuple[int, bytes]:
        key = self._keys.headers(tokens.MANAGEMENT)
        status, body = self._request(method, path, key, seconds)
        if _is_token_refusal(status, body) and key and self.renew(tokens.MANAGEMENT, key):
            key = self._keys.headers(tokens.MANAGEMENT)
            status, body = self._request(method, path, key, seconds)
        if _is_token_refusal(status, body):
            raise TokenRefused(status)
        return status, body

    def _request(
        self, method: str, path: str, headers: Mapping[str, str], seconds: float
    ) -> tuple[int, bytes]:
        try:
            connection = self._connection(seconds)
            connection.request(method, path, headers=dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        except socket.timeout:
            self.close()
            raise Silent from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise ManagementError(f"TorchServe doesn't answer ({type(error).__name__})") from None

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        # A socket that was forked is the parent's too, which would read our answers.
        if getattr(self._local, "owner", None) != os.getpid():
            self._local.owner = os.getpid()
            self._local.connection = None
        if self._local.connection is None:
            self._local.connection = http.client.HTTPConnection(
                self._address.host, self._address.port
            )
        connection: http.client.HTTPConnection = self._local.connection
        connection.timeout = seconds
        if connection.sock is not None:
            connection.sock.settimeout(seconds)
        return connection

    def __getstate__(self) -> dict[str, Any]:
        kept = self.__dict__.items()
        return {name: value for name, value in kept if name not in ("_local", "_renewing")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._renewing = threading.Lock()
        self._local = threading.local()


def _patiences(total: float) -> list[float]:
    """Share the seconds that an answer may take out over attempts, each twice as long."""
    shares = []
    seconds = _FIRST_PATIENCE
    while total > seconds:
        shares.append(seconds)
        total -= seconds
        seconds *= 2
    return [*shares, total]


def _is_token_refusal(status: int, body: bytes) -> bool:
    return status != 200 and error_table.case_of(status, body) is Case.TOKEN_REFUSED
