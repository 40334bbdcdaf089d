"""Runs inside an SDK's environment: what importing the SDK and a subject brings in of others.

Usage: ``python imported.py SDK MODULE``. Prints a JSON list of modules in the order in which
their import began: those of the interpreter and of the environment, none of the SDK, and none from
elsewhere, such as the subject.

Standalone, and for Python 3.9 and later: nothing of the harness is installed here.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import sys


def main() -> None:
    """Import both, and tell what came along."""
    sdk, subject = sys.argv[1:]
    # The SDK reads the command line while it is imported.
    del sys.argv[1:]
    _import(sdk)
    module = subject.partition(".")[0]
    _import(module)
    inside = getattr(sys.modules.get(module), "__path__", ())
    for each in pkgutil.walk_packages(inside, f"{module}."):
        if not each.name.endswith("__main__"):
            _import(each.name)
    print(json.dumps([name for name in list(sys.modules) if _is_of_others(name, sdk)]))  # noqa: T201


def _import(name: str) -> None:
    # Modules of a subject may be for another SDK, or need what is elsewhere.
    with contextlib.suppress(Exception):
        importlib.import_module(name)


def _is_of_others(name: str, sdk: str) -> bool:
    if name == "__main__" or name.partition(".")[0] == sdk:
        return False
    spec = getattr(sys.modules[name], "__spec__", None)
    if spec is None:
        return False
    origin = spec.origin if spec.has_location else None
    roots = (sys.prefix, sys.base_prefix)
    return origin is None or any(origin.startswith(root + os.sep) for root in roots)


if __name__ == "__main__":
    # This file's folder holds nothing that the subject may import.
    sys.path.pop(0)
    main()
