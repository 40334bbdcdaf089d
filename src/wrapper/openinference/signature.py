"""Requests against what a model's author declares: one rule for JSON, binary tensors and gRPC.

A declared tensor is what "Model Metadata Response JSON Object" of inference_rest.md calls
``$metadata_tensor``; a dimension of -1 is any.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from wrapper import json_body
from wrapper.errors import ServingError

ANY = -1


@dataclasses.dataclass(frozen=True)
class DeclaredTensor:
    """One input or output of a model, with the name of its datatype."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def takes(self, shape: list[int]) -> bool:
        """Tell whether a tensor may have a shape."""
        return len(shape) == len(self.shape) and all(
            wanted in (ANY, size) for wanted, size in zip(self.shape, shape)
        )

    def to_json(self) -> dict[str, Any]:
        """Give it as metadata tell it."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Signature:
    """The tensors of a model, as far as its author declares them.

    Attributes:
        is_enforced: whether requests that ask for something else are refused.
    """

    inputs: tuple[DeclaredTensor, ...] = ()
    outputs: tuple[DeclaredTensor, ...] = ()
    is_enforced: bool = False

    def check(self, request: Mapping[str, Any]) -> None:
        """Refuse a request that the model doesn't take as declared, where that is enforced.

        Args:
            request: one that `request.check` lets pass.

        Raises:
            ServingError: 400.
        """
        if not self.is_enforced:
            return
        declared = {tensor.name: tensor for tensor in self.inputs}
        missing = dict(declared)
        for tensor in request["inputs"]:
            name = tensor["name"]
            if name not in declared:
                raise ServingError(
                    400, f"The model has no input {name}: it takes {', '.join(declared)}"
                )
            missing.pop(name, None)
            _check(tensor, declared[name])
        if missing:
            raise ServingError(
                400,
                f"The model takes {', '.join(declared)}: the request lacks {next(iter(missing))}",
            )
        outputs = [tensor.name for tensor in self.outputs]
        for wanted in request.get("outputs", ()) if outputs else ():
            if wanted["name"] not in outputs:
                raise ServingError(
                    400,
                    f"The model has no output {wanted['name']}: it answers {', '.join(outputs)}",
                )


UNDECLARED = Signature()


def _check(tensor: Mapping[str, Any], declared: DeclaredTensor) -> None:
    name = declared.name
    if tensor["datatype"] != declared.datatype:
        raise ServingError(
            400, f"Tensor {name} is {tensor['datatype']}, but the model takes {declared.datatype}"
        )
    if not declared.takes(tensor["shape"]):
        raise ServingError(
            400,
            f"Tensor {name} has the shape {json_body.shown(tensor['shape'])}, but the model takes "
            f"{json_body.shown(declared.shape)}" + (", where -1 is any" * (ANY in declared.shape)),
        )
