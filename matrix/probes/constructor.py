"""Runs inside an SDK's environment: what a model's constructor makes of each protocol.

Usage: ``python constructor.py MODULE_OR_FILE:CLASS JSON_LIST_OF_VALUES``. Prints one line
of JSON, a list in the order of the values, each either ``{"protocol": ...}`` or
``{"error": TEXT, "is_value_error": BOOL}``.

Standalone, and for Python 3.9 and later: nothing of the harness is installed here.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Construct a model with each value and tell what came of it."""
    where, _, name = sys.argv[1].rpartition(":")
    model_class = getattr(_module(where), name)
    outcomes = [_construct(model_class, value) for value in json.loads(sys.argv[2])]
    print(json.dumps(outcomes))  # noqa: T201 - it is what the harness reads


def _module(where: str) -> Any:
    if not where.endswith(".py"):
        return importlib.import_module(where)
    path = Path(where)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{where} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _construct(model_class: Any, value: Any) -> dict[str, Any]:
    try:
        protocol = model_class("model", protocol=value).protocol
    except Exception as error:
        return {"error": str(error), "is_value_error": isinstance(error, ValueError)}
    # An enum that is no str would not compare equal to the words that users write.
    return {"protocol": str(protocol) if isinstance(protocol, str) else repr(protocol)}


if __name__ == "__main__":
    # This file's folder holds nothing that the subject may import.
    sys.path.pop(0)
    main()
