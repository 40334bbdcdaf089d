"""Inference requests: what makes one acceptable, and which outputs it asks for.

Source: "Inference Request" of inference_rest.md. A request in another encoding is turned
into this JSON first, so that the same rules hold for all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from wrapper.envelope import Envelope
from wrapper.errors import ServingError
from wrapper.json_body import kind
from wrapper.openinference import datatypes, parameters, shapes
from wrapper.openinference.long_data import LongData
from wrapper.openinference.raw_data import RawData
from wrapper.steps import Steps

# Tensors that are judged in one step.
_AT_ONCE = 1000


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which outputs a request asks for, and how.

    Attributes:
        binary: the names of the requested outputs in their order, each with whether it is
            wanted as binary data. None asks for all.
        binary_by_default: whether outputs that aren't named are wanted as binary data
            (``binary_data_output``).
        id: the request's, which is the answer's, None where it has none.
    """

    binary: Mapping[str, bool] | None = None
    binary_by_default: bool = False
    id: str | None = None

    @property
    def is_everything_in_json(self) -> bool:
        """Whether the answer that an envelope of V2 gives is the one that is wanted.

        TorchServe's own makes up an id in the place of a blank one.
        """
        has_blank_id = self.id is not None and not self.id.strip()
        return self.binary is None and not self.binary_by_default and not has_blank_id

    @property
    def is_anything_binary(self) -> bool:
        """Whether some output may be wanted as binary data."""
        return self.binary_by_default or any((self.binary or {}).values())

    def is_binary(self, output: str) -> bool:
        """Tell whether an output is wanted as binary data."""
        return (self.binary or {}).get(output, self.binary_by_default)


def check(request: Mapping[str, Any], envelope: Envelope) -> Wanted:
    """Refuse what is no inference request, or what the envelope would alter.

    Args:
        request: the request as JSON: an object with ``inputs``, each with its data, in the form of
            `normal_form`.

    Returns:
        What its answer has to be.

    Raises:
        ServingError: 400.
    """
    its, inputs = _begun(request)
    names: set[str] = set()
    for index, tensor in enumerate(inputs):
        _check_tensor(tensor, f"inputs[{index}]", names, envelope)
    return _wanted(request, its)


def check_in_steps(request: Mapping[str, Any], envelope: Envelope) -> Steps[Wanted]:
    """Do the same in steps, for requests of many tensors.

    Raises:
        ServingError: 400.
    """
    its, inputs = _begun(request)
    names: set[str] = set()
    for index, tensor in enumerate(inputs):
        _check_tensor(tensor, f"inputs[{index}]", names, envelope)
        if index % _AT_ONCE == _AT_ONCE - 1:
            yield
    return _wanted(request, its)


def _begun(request: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[Any]]:
    """Give a request's parameters and its inputs."""
    _check_kind(request, "id", str, "a string")
    its = parameters.check(request, "the request")
    inputs = request.get("inputs")
    if not isinstance(inputs, list):
        raise ServingError(400, 'Expected "inputs" to be a list of tensors')
    if not inputs:
        raise ServingError(400, 'Expected at least one tensor in "inputs"')
    return its, inputs


def describe(tensor: Any, place: str) -> tuple[str, datatypes.Datatype, list[int]]:
    """Give the name, the datatype and the shape of an input tensor.

    Args:
        place: where it stands in the request, for a sentence.

    Raises:
        ServingError: 400 when it lacks one of them, or one of them is wrong.
    """
    if not isinstance(tensor, dict):
        raise ServingError(400, f"Expected {place} to be an object, got {kind(tensor)}")
    for member in ("name", "shape", "datatype"):
        if member not in tensor:
            raise ServingError(400, f'Expected "{member}" in {place}')
    name = tensor["name"]
    if not isinstance(name, str):
        raise ServingError(400, f'Expected "name" in {place} to be a string')
    shapes.check(name, tensor["shape"])
    parameters.check(tensor, f"tensor {name}")
    return name, datatypes.find(name, tensor["datatype"]), tensor["shape"]


def check_strings(name: str, datatype: datatypes.Datatype, count: int, envelope: Envelope) -> None:
    """Refuse BYTES of which the envelope would hand on the first element only.

    Raises:
        ServingError: 400.
    """
    if datatype.name == "BYTES" and count != 1 and not envelope.keeps_every_string:
        raise ServingError(
            400,
            f"Tensor {name} has {count} BYTES elements, of which TorchServe's envelope "
            f"{envelope.name} hands on the first only: send tensors of one element, or give "
            "the service the envelope kservev2_faithful",
        )


def _check_tensor(tensor: Any, place: str, names: set[str], envelope: Envelope) -> None:
    """Refuse what is no tensor, or what has one of the names that were there before it."""
    name, datatype, shape = describe(tensor, place)
    if name in names:
        raise ServingError(400, f"The input {name} is there a second time")
    names.add(name)
    if "data" not in tensor:
        raise ServingError(400, f'Expected "data" in {place}')
    if parameters.SIZE in tensor.get("parameters", {}):
        raise ServingError(
            400,
            f'Tensor {name} has "{parameters.SIZE}" beside its data: send one of the two, and '
            "binary data with the header Inference-Header-Content-Length",
        )
    data = tensor["data"]
    if isinstance(data, (LongData, RawData)):
        count = data.check(name, shape, datatype)
    else:
        elements = shapes.elements(name, shape, data)
        datatype.check_elements(name, elements)
        count = len(elements)
    check_strings(name, datatype, count, envelope)


def _wanted(request: Mapping[str, Any], its: Mapping[str, Any]) -> Wanted:
    by_default = parameters.flag(its, "binary_data_output", "the request")
    outputs = request.get("outputs", [])
    if not isinstance(outputs, list):
        raise ServingError(400, f'Expected "outputs" to be a list, got {kind(outputs)}')
    # An empty list asks for none in particular, which the specification calls all.
    wanted: dict[str, bool] = {}
    for index, output in enumerate(outputs):
        place = f"outputs[{index}]"
        if not isinstance(output, dict):
            raise ServingError(400, f"Expected {place} to be an object, got {kind(output)}")
        name = output.get("name")
        if not isinstance(name, str):
            raise ServingError(400, f'Expected "name" in {place} to be a string')
        if name in wanted:
            raise ServingError(400, f"{place} asks for the output {name} a second time")
        of_output = parameters.check(output, place)
        wanted[name] = parameters.flag(of_output, "binary_data", place, by_default)
    return Wanted(wanted or None, by_default, request.get("id"))


def _check_kind(owner: Mapping[str, Any], member: str, wanted: type, name: str) -> None:
    if member in owner and not isinstance(owner[member], wanted):
        raise ServingError(400, f'Expected "{member}" to be {name}, got {kind(owner[member])}')
