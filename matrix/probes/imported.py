"""Runs inside an SDK's environment: what importing the SDK and a subject brings in of others.

Usage: ``python imported.py SDK MODULE``. Prints a JSON list of modules in the order in which
their import began: those of the interpreter and of the environment, none of the SDK or the subject.
The SDK is imported. The subject is only read, since importing all of it could do anything: what its
files import by name is imported.

Standalone, and for Python 3.9 and later: nothing of the harness is installed here.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path


def main() -> None:
    """Import both, and tell what came along."""
    sdk, subject = sys.argv[1:]
    # The SDK reads the command line while it is imported.
    del sys.argv[1:]
    top = subject.partition(".")[0]
    own = (sdk, top, "__main__")
    _import(sdk)
    for name in named_by(_files_of(top)):
        if name.partition(".")[0] not in own:
            _import(name)
    listed = [name for name in list(sys.modules) if name.partition(".")[0] not in own]
    print(json.dumps([name for name in listed if _is_installed(name)]))  # noqa: T201


def named_by(files: Iterable[Path]) -> Iterator[str]:
    """Give what files import by name; of one that isn't Python of this interpreter, nothing."""
    for path in files:
        with contextlib.suppress(OSError, SyntaxError, ValueError):
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.Import):
                    yield from (alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    yield node.module


def _files_of(top: str) -> list[Path]:
    spec = importlib.util.find_spec(top)
    if spec is None:
        return []
    folders = spec.submodule_search_locations or ()
    inside = [path for folder in folders for path in sorted(Path(folder).rglob("*.py"))]
    return inside or [Path(spec.origin or "")]


def _import(name: str) -> None:
    # Some are for another SDK, or end the process where they don't like what they find.
    with contextlib.suppress(Exception, SystemExit):
        importlib.import_module(name)


def _is_installed(name: str) -> bool:
    """Tell whether a module is the interpreter's or the environment's."""
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
