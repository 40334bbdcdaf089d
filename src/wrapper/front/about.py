"""Health, metadata and the model repository: all that is said of models, not by them."""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Mapping
from typing import Any

from wrapper import json_body
from wrapper.errors import ServingError
from wrapper.front.answer import Answer, document, refusal
from wrapper.names import Target
from wrapper.openinference import repository_request
from wrapper.openinference.normal_form import without_nulls
from wrapper.torchserve.service import TorchServe

NAME = "torchserve-kserve-wrapper"
# The names that Triton's extension documents ask servers to report.
EXTENSIONS = ("binary_tensor_data", "model_repository")
PLATFORM = "torchserve"


@functools.cache
def version() -> str:
    """Give this wrapper's version, ``unknown`` where its files were copied and not installed."""
    try:
        return importlib.metadata.version(NAME)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


class About:
    """Answers the questions that need no inference."""

    def __init__(self, torchserve: TorchServe) -> None:
        self._torchserve = torchserve

    async def alive(self, *_: Any) -> Answer:
        """Answer ``GET /``: this process answers, whatever TorchServe does."""
        return document(200, {"status": "alive"})

    async def live(self, *_: Any) -> Answer:
        """Answer ``GET /v2/health/live``."""
        return document(200, {"live": True})

    async def ready(self, *_: Any) -> Answer:
        """Answer ``GET /v2/health/ready``: 200 when every model is ready, else 503.

        inference_rest.md calls the member ``live``, KServe and its clients ``ready``.
        """
        error = self._torchserve.error_unless_all_ready()
        if error is not None:
            return refusal(error, live=False, ready=False)
        return document(200, {"live": True, "ready": True})

    async def model_ready(self, target: Target, *_: Any) -> Answer:
        """Answer whether a model, or a version of it, is ready: 200, else 503."""
        self._torchserve.check_ready(target)
        return document(200, {"name": target.model, "ready": True})

    async def models(self, *_: Any) -> Answer:
        """Answer ``GET /v1/models`` and ``GET /v2/models``."""
        return document(200, {"models": list(self._torchserve.readiness.models())})

    async def server(self, *_: Any) -> Answer:
        """Answer ``GET /v2``."""
        return document(200, {"name": NAME, "version": version(), "extensions": list(EXTENSIONS)})

    async def model(self, target: Target, *_: Any) -> Answer:
        """Answer ``GET /v2/models/{model}[/versions/{version}]``, ready or not.

        TorchServe doesn't know its models' tensors: those are told that are declared.
        """
        self._torchserve.check_known(target)
        body: dict[str, Any] = {"name": target.model}
        self._torchserve.readiness.glance()
        versions = self._torchserve.readiness.versions(target.model)
        if versions:
            body["versions"] = list(versions)
        signature = self._torchserve.signature(target)
        body["platform"] = PLATFORM
        body["inputs"] = [tensor.to_json() for tensor in signature.inputs]
        body["outputs"] = [tensor.to_json() for tensor in signature.outputs]
        return document(200, body)

    async def index(self, _target: Target, body: bytes, _headers: Mapping[str, str]) -> Answer:
        """Answer ``POST /v2/repository/index``, whose body may be missing."""
        asked = without_nulls(json_body.read(body)) if body else {}
        ready = asked.get("ready", False)
        if not isinstance(ready, bool):
            raise ServingError(
                400, f'Expected "ready" to be a boolean, got {json_body.kind(ready)}'
            )
        listed = self._torchserve.repository.index(ready)
        # What isn't known is left out, and not told as empty.
        entries = [{key: said for key, said in each._asdict().items() if said} for each in listed]
        return document(200, entries)

    async def load(self, target: Target, body: bytes, _headers: Mapping[str, str]) -> Answer:
        """Answer ``POST /v2/repository/models/{model}/load``."""
        self._torchserve.repository.check_known(target)
        repository_request.check_body("load", body)
        await self._torchserve.repository.load(target.model)
        return document(200, {"name": target.model, "load": True})

    async def unload(self, target: Target, body: bytes, _headers: Mapping[str, str]) -> Answer:
        """Answer ``POST /v2/repository/models/{model}/unload``."""
        self._torchserve.repository.check_known(target)
        repository_request.check_body("unload", body)
        await self._torchserve.repository.unload(target.model)
        return document(200, {"name": target.model, "unload": True})
