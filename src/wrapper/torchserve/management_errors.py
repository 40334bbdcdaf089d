"""What ends a question to TorchServe's management API.

ManagementError     TorchServe answers with an error
    TokenRefused    it refuses the wrapper's token
    Silent          it doesn't answer in time
    BeforeFork      it isn't asked by gRPC yet
"""

from __future__ import annotations


class ManagementError(Exception):
    """TorchServe answers a management request with an error, or not at all.

    Attributes:
        status: its HTTP status, None when it doesn't answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class TokenRefused(ManagementError):
    """TorchServe refuses the wrapper's token."""

    def __init__(self, status: int | None = None) -> None:
        super().__init__("TorchServe refuses the wrapper's token", status)


class Silent(ManagementError):
    """TorchServe did not answer in time."""

    def __init__(self) -> None:
        super().__init__("TorchServe doesn't answer (TimeoutError)")


class BeforeFork(ManagementError):
    """This process mustn't ask by gRPC before it has forked those that serve (`forking`)."""

    def __init__(self) -> None:
        super().__init__("this process leaves that to those that it forks")
