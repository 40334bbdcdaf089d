"""Asks a wrapper's REST port over TLS, as a client that trusts some certificates and no others."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from kserve_conformance.asking.http_client import NoAnswer
from kserve_conformance.results.exhibit import Exhibit

from matrix.running import ports
from matrix.running.clients import TIMEOUT
from matrix.running.launch import RunningWrapper


class TlsClient:
    """Asks over a connection of its own each time."""

    def __init__(self, wrapper: RunningWrapper, trusted: Sequence[Path], exhibit: Exhibit) -> None:
        """Ask a wrapper.

        Args:
            trusted: certificates in PEM, by one of which it has to be known.
        """
        self._port = wrapper.http_port
        self._trusted = trusted
        self._exhibit = exhibit
        self._context = ssl.create_default_context()
        for each in trusted:
            self._context.load_verify_locations(each)

    def get(self, path: str) -> tuple[int, Any]:
        """GET a path; give the status and the JSON of the answer.

        Raises:
            NoAnswer: when the wrapper doesn't answer, or is known by no such certificate.
        """
        url = f"https://{ports.IPV4}:{self._port}{path}"
        asked = " ".join(["curl -sS -i", *(f"--cacert {each.name}" for each in self._trusted), url])
        connection = http.client.HTTPSConnection(
            ports.IPV4, self._port, timeout=TIMEOUT, context=self._context
        )
        try:
            with closing(connection):
                connection.request("GET", path)
                answer = connection.getresponse()
                status, body = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._exhibit.exchange(asked, str(error))
            raise NoAnswer(f"GET {url} was not answered: {error}") from None
        self._exhibit.exchange(asked, f"{status}\n\n{body.decode('utf-8', 'backslashreplace')}")
        return status, json.loads(body)
