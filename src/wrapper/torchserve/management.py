"""TorchServe's management API: what it says of a model's workers, and what it serves."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable, TypeVar
from urllib.parse import quote, urlencode

from wrapper.names import Target
from wrapper.settings import Settings
from wrapper.torchserve import error_table, tokens
from wrapper.torchserve.description import Description
from wrapper.torchserve.error_table import Case
from wrapper.torchserve.management_errors import ManagementError, Silent, TokenRefused
from wrapper.torchserve.recovery import Recovery

if TYPE_CHECKING:
    from wrapper.torchserve.grpc_management import GrpcManagement

# Asks the same by gRPC, with the header that authorizes it.
_GrpcCall = Callable[["GrpcManagement", Mapping[str, str]], bytes]
_Read = TypeVar("_Read")

logger = logging.getLogger("wrapper")

# In the place of a version: all that a model has. A version of that name is out of reach for all
# of TorchServe's own API, too.
_EVERY = "all"

# Seconds that TorchServe gives a worker to start (startup_timeout) or to end.
_CHANGE_WITHIN = 120.0

# Seconds that a question waits at first before it is asked anew over another connection: some of
# TorchServe's are silent for as long as it loads a model for somebody who waits for that, since
# each of its threads serves several connections. Each time it waits twice as long.
_FIRST_PATIENCE = 0.25


class Management:
    """Asks TorchServe about its models, on a thread of the caller's own.

    Blocking on purpose: it is never used on an event loop. Each thread keeps a connection
    of its own alive between questions.
    """

    def __init__(self, settings: Settings, keys: tokens.Keys) -> None:
        self._address = settings.management
        self._grpc_address = settings.grpc_management
        self._keys = keys
        self._timeout = settings.load.timeout
        self._envelope = settings.envelope
        self._warned: set[str] = set()
        self._customized = settings.load.customized
        self._shares_port = settings.inference == settings.management
        self._grpc: GrpcManagement | None = None
        self._renewing = threading.Lock()
        self._local = threading.local()
        self._workers: dict[str, tuple[str, ...]] = {}
        # Each replaced as a whole, so that readers on other threads need no lock.
        self._versions: dict[str, Mapping[str, str | None]] = {}
        self._recovery = Recovery(self)

    def why_no_worker(self, model: str) -> str | None:
        """Ask now, and say why no worker of a model is READY; None when one is.

        A model can be served when at least one worker of its default version is READY.
        """
        try:
            versions = self.describe(model)
        except ManagementError as error:
            self._workers[model] = ()
            is_gone = error.status == http.HTTPStatus.NOT_FOUND
            known = () if is_gone else self._versions.get(model, ())
            self._versions[model] = dict.fromkeys(known, str(error))
            return str(error)
        self._warn_of_batches(model, versions)
        self._recover(model, versions)
        self._workers[model] = tuple(state for version in versions for state in version.workers)
        self._versions[model] = {
            version.version: version.why_no_worker for version in versions if version.version
        }
        return versions[0].why_no_worker if versions else "it has no worker"

    def versions_last_seen(self, model: str) -> Mapping[str, str | None]:
        """Give by version why no worker of it was READY when last asked; the default one first.

        Versions that were there stay while TorchServe doesn't answer, none of them ready.
        """
        return self._versions.get(model, {})

    def workers_last_seen(self, model: str) -> tuple[str, ...]:
        """Give the states of a model's workers, of all versions, when it was last asked about."""
        return self._workers.get(model, ())

    def _recover(self, model: str, versions: Sequence[Description]) -> None:
        for version in versions:
            try:
                self._recovery.see(Target(model, version.version), version)
            except ManagementError as error:
                logger.warning("model %s: its workers can't be replaced: %s", model, error)

    def _warn_of_batches(self, model: str, versions: Sequence[Description]) -> None:
        size = max((version.batch_size for version in versions), default=1)
        if size > 1 and not self._envelope.keeps_batches and model not in self._warned:
            self._warned.add(model)
            logger.warning(
                "model %s has batchSize %d, but TorchServe's envelope %s fails on a batch of "
                "several requests: set batchSize to 1, or service_envelope to %s_faithful "
                "(docs/envelopes.md)",
                model,
                size,
                self._envelope.name,
                self._envelope.name,
            )

    def describe(self, model: str) -> Sequence[Description]:
        """Give what TorchServe says of a model, for each version; the default one comes first.

        Where both REST servers share a port, TorchServe tells the default one alone.

        Raises:
            ManagementError: when it doesn't answer, knows no such model, or says what can't
                be read.
        """
        # A handler's own metadata is in no answer about all versions.
        default = self._describe(Target(model), customized=True) if self._customized else []
        if self._shares_port:
            return default or self._describe(Target(model))
        every = self._describe(Target(model, _EVERY))
        if len(every) > 1 and not default:
            # Which is the default one is told by what is said of a model without a version.
            default = self._describe(Target(model))
        first = [version.version for version in default]
        others = [version for version in every if version.version not in first]
        return [*default, *sorted(others, key=lambda version: version.version)]

    def _describe(self, target: Target, customized: bool = False) -> Sequence[Description]:
        return self._read(
            self._path(target) + ("?customized=true" if customized else ""),
            lambda management, key: management.describe(target, customized, key),
            "about it",
            lambda versions: [Description.of(version) for version in versions],
        )

    def _path(self, target: Target) -> str:
        """Give the path of a model's version; of its default one where both servers share a port.

        What is two names long there, below /models, TorchServe takes for SageMaker's
        ``/models/{model}/invoke`` (`InferenceRequestHandler`), and answers 404.
        """
        names = target[:1] if self._shares_port else target
        return "/models/" + "/".join(quote(name, safe="") for name in names if name)

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

    def register(self, model: str, archive: str, workers: int = 1) -> None:
        """Have TorchServe load a version of a model from an archive of its model store.

        The first is the default one.

        Raises:
            ManagementError: with TorchServe's own words, when it refuses.
        """
        query = {
            "url": archive,
            "model_name": model,
            "initial_workers": workers,
            "synchronous": "true",
        }
        self._change("POST", "/models?" + urlencode(query))

    def unregister(self, target: Target) -> None:
        """Have TorchServe unload a model's version.

        The default one can't be unloaded before the others.

        Raises:
            ManagementError: with TorchServe's own words, when it refuses.
        """
        path = self._path(target)
        try:
            self._change("DELETE", path)
        except ManagementError as error:
            # A worker that has just died makes TorchServe give up ("Interrupted while cleaning
            # resources"). It has stopped the workers by then, and goes on when it is asked again.
            if error.status != http.HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            self._change("DELETE", path)

    def scale(self, target: Target, least: int, most: int) -> None:
        """Have TorchServe give a model's version so many workers, without waiting for them.

        Raises:
            ManagementError: with TorchServe's own words, when it refuses.
        """
        query = urlencode({"min_worker": least, "max_worker": most})
        self._change("PUT", f"{self._path(target)}?{query}")

    def release(self) -> str:
        """Give TorchServe's release, as ``0.9.0``.

        Raises:
            ManagementError: when it doesn't say.
        """
        status, body = self._ask_until_answered("/api-description")
        try:
            return str(json.loads(body)["info"]["version"])
        except (ValueError, KeyError, TypeError):
            raise ManagementError("TorchServe doesn't tell its release", status) from None

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

    def _change(self, method: str, path: str) -> None:
        # It answers when the workers are there or gone, which takes longer than to tell a state.
        status, body = self._ask(method, path, _CHANGE_WITHIN)
        if status >= 300:
            said = error_table.without_internals(error_table.message(body))
            raise ManagementError(said or f"TorchServe answers {status}", status)

    def _page_of_models(self, page: str) -> tuple[list[str], str | None]:
        more = {"next_page_token": page} if page else {}
        return self._read(
            "/models?" + urlencode({"limit": 1000, **more}),
            lambda management, key: management.models(page, key),
            "for models",
            lambda listed: (
                [str(model["modelName"]) for model in listed["models"]],
                listed.get("nextPageToken"),
            ),
        )

    def _read(
        self, path: str, by_grpc: _GrpcCall, about: str, read: Callable[[Any], _Read]
    ) -> _Read:
        status, body = self._ask_by_either(path, by_grpc)
        if status != 200:
            raise ManagementError(f"TorchServe answers {status} when asked {about}", status)
        try:
            return read(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ManagementError("TorchServe's answer about it can't be read", status) from None

    def _ask_by_either(self, path: str, by_grpc: _GrpcCall) -> tuple[int, bytes]:
        try:
            return self._ask_until_answered(path)
        except TokenRefused:
            # With both REST servers on one port none of its tokens does; gRPC has its own.
            return 200, by_grpc(self._by_grpc(), self._keys.headers(tokens.MANAGEMENT))

    def _ask_until_answered(self, path: str) -> tuple[int, bytes]:
        *first, last = _patiences(self._timeout)
        for seconds in first:
            with contextlib.suppress(Silent):
                return self._ask("GET", path, seconds)
        return self._ask("GET", path, last)

    def _ask(self, method: str, path: str, seconds: float) -> tuple[int, bytes]:
        key = self._keys.headers(tokens.MANAGEMENT)
        status, body = self._request(method, path, key, seconds)
        if _is_token_refusal(status, body) and key and self.renew(tokens.MANAGEMENT, key):
            key = self._keys.headers(tokens.MANAGEMENT)
            status, body = self._request(method, path, key, seconds)
        if _is_token_refusal(status, body):
            raise TokenRefused(status)
        return status, body

    def _by_grpc(self) -> GrpcManagement:
        if self._grpc is None or self._grpc.owner != os.getpid():
            # grpcio takes a quarter of a second to import.
            from wrapper.torchserve.grpc_management import GrpcManagement

            self._grpc = GrpcManagement(self._grpc_address, self._timeout)
        return self._grpc

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
        return {name: value for name, value in kept if name not in ("_local", "_renewing", "_grpc")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._grpc = None
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
