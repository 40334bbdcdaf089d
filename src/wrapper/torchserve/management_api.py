"""TorchServe's management API: each question in REST's words or in gRPC's, and what is answered."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable, Optional, TypeVar
from urllib.parse import quote, urlencode

from wrapper import forking
from wrapper.names import Target
from wrapper.settings import Settings
from wrapper.torchserve import tokens
from wrapper.torchserve.description import Description
from wrapper.torchserve.management_errors import BeforeFork, ManagementError, TokenRefused
from wrapper.torchserve.rest_management import RestManagement

if TYPE_CHECKING:
    from wrapper.torchserve.grpc_management import GrpcManagement

_Read = TypeVar("_Read")

# Gives what was asked for, or None as long as there is no answer.
#
# Raises:
#     ManagementError: when TorchServe refuses or doesn't answer.
Descriptions = Callable[[], Optional["list[Description]"]]

# In the place of a version: all that a model has. A version of that name is out of reach for all
# of TorchServe's own API, too.
EVERY = "all"


class ManagementApi:
    """Asks by REST; by gRPC where that is said, or where REST refuses the token.

    With both REST servers on one port none of TorchServe's tokens does; gRPC has its own.
    """

    def __init__(self, settings: Settings, keys: tokens.Keys) -> None:
        self._settings = settings
        self._keys = keys
        self._rest = RestManagement(settings, keys)
        self._grpc: GrpcManagement | None = None

    def describe(self, target: Target, customized: bool = False) -> list[Description]:
        """Give what TorchServe says of a model's version, by default of its default one.

        Args:
            customized: whether TorchServe adds the model's own metadata, which it does for one
                version only.

        Raises:
            ManagementError: when it doesn't answer, knows no such model, or says what can't
                be read.
        """
        return self._read(
            _path(target) + ("?customized=true" if customized else ""),
            lambda grpc: grpc.describe(target, customized),
            "about it",
            _descriptions,
        )

    def describe_by_grpc(self, target: Target) -> list[Description]:
        """Give what `describe` does.

        Raises:
            ManagementError: as for `describe`.
        """
        return _parsed(200, self._by_grpc().describe(target), _descriptions)

    def describe_without_waiting(self, target: Target) -> Descriptions:
        """Ask by gRPC for what `describe` gives, and give a function that tells it later.

        Raises:
            BeforeFork: when this process mustn't ask yet.
        """
        answer = self._by_grpc().describe_without_waiting(target)

        def told() -> list[Description] | None:
            body = answer()
            return None if body is None else _parsed(200, body, _descriptions)

        return told

    def models(self) -> tuple[str, ...]:
        """Give the names of the models that TorchServe has, in its order.

        Raises:
            ManagementError: when it doesn't say.
        """
        names: list[str] = []
        page: str | None = ""
        while page is not None:
            more, page = self._page_of_models(page)
            names += more
        return tuple(dict.fromkeys(names))

    def register(self, model: str, archive: str, workers: int) -> None:
        """Have TorchServe load a version of a model from an archive of its model store.

        Raises:
            ManagementError: with TorchServe's own words, when it refuses.
        """
        query = {
            "url": archive,
            "model_name": model,
            "initial_workers": workers,
            "synchronous": "true",
        }
        try:
            self._rest.change("POST", "/models?" + urlencode(query))
        except TokenRefused:
            self._by_grpc().register(model, archive, workers)

    def unregister(self, target: Target) -> None:
        """Have TorchServe unload a model's version.

        Raises:
            ManagementError: with TorchServe's own words, when it refuses.
        """
        self._rest.change("DELETE", _path(target))

    def unregister_by_grpc(self, target: Target) -> None:
        """Do what `unregister` does.

        Raises:
            ManagementError: as for `unregister`, mostly without TorchServe's words.
        """
        self._by_grpc().unregister(target)

    def scale(self, target: Target, least: int, most: int) -> None:
        """Have TorchServe give a model's version so many workers, without waiting for them.

        By REST alone, which takes the version as a parameter, too: gRPC takes no worker for one.

        Raises:
            ManagementError: with TorchServe's own words, when it refuses.
        """
        query: dict[str, object] = {"min_worker": least, "max_worker": most}
        if target.version:
            query["model_version"] = target.version
        self._rest.change("PUT", f"{_path(Target(target.model))}?{urlencode(query)}")

    def release(self) -> str:
        """Give TorchServe's release, as ``0.9.0``.

        Raises:
            ManagementError: when it doesn't say.
        """
        status, body = self._rest.ask("/api-description")
        try:
            return str(json.loads(body)["info"]["version"])
        except (ValueError, KeyError, TypeError):
            raise ManagementError("TorchServe doesn't tell its release", status) from None

    def renew(self, kind: str, refused: Mapping[str, str]) -> bool:
        """Have TorchServe write a new key for one that it refuses; see `RestManagement.renew`."""
        return self._rest.renew(kind, refused)

    def close(self) -> None:
        """Close this thread's connection; its next question opens another."""
        self._rest.close()

    def _page_of_models(self, page: str) -> tuple[list[str], str | None]:
        more = {"next_page_token": page} if page else {}
        return self._read(
            "/models?" + urlencode({"limit": 1000, **more}),
            lambda grpc: grpc.models(page),
            "for models",
            lambda listed: (
                [str(model["modelName"]) for model in listed["models"]],
                listed.get("nextPageToken"),
            ),
        )

    def _read(
        self,
        path: str,
        by_grpc: Callable[[GrpcManagement], bytes],
        about: str,
        read: Callable[[Any], _Read],
    ) -> _Read:
        try:
            status, body = self._rest.ask(path)
        except TokenRefused:
            status, body = 200, by_grpc(self._by_grpc())
        if status != 200:
            raise ManagementError(f"TorchServe answers {status} when asked {about}", status)
        return _parsed(status, body, read)

    def _by_grpc(self) -> GrpcManagement:
        if not forking.allows_threads():
            raise BeforeFork
        if self._grpc is None or self._grpc.owner != os.getpid():
            # grpcio takes a quarter of a second to import.
            from wrapper.torchserve.grpc_management import GrpcManagement

            self._grpc = GrpcManagement(self._settings, self._keys)
        return self._grpc

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_grpc": None}


def _path(target: Target) -> str:
    return "/models/" + "/".join(quote(name, safe="") for name in target if name)


def _descriptions(versions: Any) -> list[Description]:
    return [Description.of(version) for version in versions]


def _parsed(status: int, body: bytes, read: Callable[[Any], _Read]) -> _Read:
    try:
        return read(json.loads(body))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ManagementError("TorchServe's answer about it can't be read", status) from None
