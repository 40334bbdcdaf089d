"""The one exception that a request can end with inside the wrapper.

What clients are told of TorchServe's failures is in `wrapper.torchserve.error_table`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class ServingError(Exception):
    """A request that can't be answered: an HTTP status and a sentence for the client.

    Attributes:
        status: the HTTP status that tells whose fault it was (400-599).
        message: one sentence, without addresses or paths of the pod.
        retry_after: seconds after which the same request may succeed, None where nobody
            knows. It goes out as the header Retry-After.
        headers: of the HTTP answer, beside those that every answer has.
    """

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after
        told = {} if retry_after is None else {"retry-after": str(retry_after)}
        self.headers: Mapping[str, str] = told


UNEXPECTED = ServingError(500, "The wrapper failed to answer; its log says why")


def model_not_found(name: str, served: Sequence[str]) -> ServingError:
    """Say that no model of this name is served, and which are.

    The first sentence is the KServe SDK's own. An InferenceService's name is often taken
    for the model's (kserve#1656).
    """
    listed = f"It serves {', '.join(served)}." if served else "It serves none yet."
    return ServingError(404, f"Model with name {name} does not exist. {listed}")


def version_not_found(name: str, version: str, served: Sequence[str]) -> ServingError:
    """Say that a model has no version of this name, and which it has."""
    return ServingError(
        404,
        f"Model with name {name} has no version {version}. It has {', '.join(served)}: ask for one "
        f"of them, or for /v2/models/{name} without a version.",
    )


def model_not_ready(name: str, version: str = "") -> ServingError:
    """Say that TorchServe has no ready worker for this model yet, or any more.

    Args:
        version: that of the model, where one was asked for.
    """
    which = f"Version {version} of the model" if version else "Model"
    return ServingError(503, f"{which} with name {name} is not ready.")
