"""Which pages of other origins a browser lets ask this server, as TorchServe's configuration says.

TorchServe gives the three properties as headers with each of its answers (NettyUtils of 0.12.0).
"""

from __future__ import annotations

from collections.abc import Mapping

from wrapper.front.answer import Answer
from wrapper.front.routing import Route, always

_ASKED_FOR = "access-control-request-method"


class Cors:
    """Lets browsers know.

    Attributes:
        headers: those that every answer has.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.headers = headers

    def preflight(self, method: str, headers: Mapping[str, str]) -> Route | None:
        """Give what answers a browser that asks before it sends, None for any other request.

        Args:
            headers: the request's, names in lower case.
        """
        asks = self.headers and method == "OPTIONS" and _ASKED_FOR in headers
        return always(Answer(200, b"")) if asks else None
