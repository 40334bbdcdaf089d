"""What a request to load or unload a model may ask for beside the model.

Source: docs/protocol/extension_model_repository.md of Triton. A parameter that can't be applied is
refused by its name: a model that was loaded otherwise than a client asked for would be another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wrapper import json_body
from wrapper.errors import ServingError
from wrapper.openinference.normal_form import without_nulls

# Triton's clients always send it. TorchServe's models have no dependents, so that both values ask
# for what is done.
_UNLOAD_DEPENDENTS = "unload_dependents"


def check_body(verb: str, body: bytes) -> None:
    """Refuse a body that is no JSON object, or asks for what can't be done.

    Args:
        verb: "load" or "unload".
        body: which may be missing.

    Raises:
        ServingError: 400.
    """
    asked = without_nulls(json_body.read(body)) if body else {}
    parameters = asked.get("parameters", {})
    if not isinstance(parameters, dict):
        raise ServingError(
            400, f'Expected "parameters" to be an object, got {json_body.kind(parameters)}'
        )
    check_parameters(verb, without_nulls(parameters))


def check_parameters(verb: str, parameters: Mapping[str, Any]) -> None:
    """Refuse parameters that can't be applied.

    Args:
        verb: "load" or "unload".

    Raises:
        ServingError: 400.
    """
    for name, value in parameters.items():
        if verb == "unload" and name == _UNLOAD_DEPENDENTS:
            if not isinstance(value, bool):
                raise ServingError(400, f'Expected the parameter "{name}" to be a boolean')
            continue
        raise ServingError(
            400,
            f'The parameter "{name}" can\'t be applied: TorchServe {verb}s a model as its archive '
            "and its configuration say",
        )
