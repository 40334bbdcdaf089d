"""Names before versions before bodies: the one order in which requests are judged, on every call.

A client that calls a model by a wrong name is told so, whatever else is wrong with its request.
"""

from __future__ import annotations

from typing import NoReturn

from wrapper.errors import ServingError
from wrapper.torchserve.service import TorchServe


def check(torchserve: TorchServe, model: str, version: str = "") -> None:
    """Refuse a model that isn't served, then a version of it that can't be chosen.

    Args:
        version: the one that is asked for; empty for any.

    Raises:
        ServingError: 404 or 501.
    """
    if version:
        refuse_version(torchserve, model)
    torchserve.check_known(model)


def refuse_version(torchserve: TorchServe, model: str) -> NoReturn:
    """Say that a model's version can't be chosen, if there is such a model.

    Raises:
        ServingError: 404 or 501.
    """
    torchserve.check_known(model)
    raise ServingError(
        501,
        "A model's version can't be chosen: TorchServe's KServe routes serve its default "
        f"version. Use /v2/models/{model} without /versions",
    )
