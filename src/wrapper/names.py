"""Names before versions before bodies: the one order in which requests are judged, on every call.

A client that calls a model by a wrong name is told so, whatever else is wrong with its request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from wrapper.errors import model_not_found, version_not_found


class Target(NamedTuple):
    """What a request is addressed to.

    Attributes:
        model: the model's name; empty where the request names none.
        version: that of the model; empty for the one that TorchServe serves by default.
    """

    model: str
    version: str = ""


class Served(Protocol):
    """What is known of TorchServe's models without asking it."""

    def models(self) -> tuple[str, ...]:
        """Give the names of the models that are served or waited for."""

    def versions(self, model: str) -> Mapping[str, str | None]:
        """Give by version why a model's isn't ready, None for one that is; those that are known."""

    def has_all_versions(self, model: str) -> bool:
        """Tell whether a model has no versions but those."""


def check(target: Target, served: Served) -> None:
    """Refuse a model that isn't served, then a version that it doesn't have.

    As long as TorchServe hasn't told a model's versions, each may be one: that the model isn't
    ready is told later.

    Raises:
        ServingError: 404, with the names or the versions that there are.
    """
    models = served.models()
    if target.model not in models:
        raise model_not_found(target.model, models)
    if target.version:
        versions = served.versions(target.model)
        if target.version not in versions and served.has_all_versions(target.model):
            raise version_not_found(target.model, target.version, tuple(versions))
