"""Runs inside an SDK's environment: what its model classes make of KServe manifests.

Usage: ``python model_classes.py < JSON_LIST_OF_MANIFESTS``. Prints one line of JSON: for each
manifest a list of what is wrong with it, each one as ``PLACE: WHAT``. Those of the pod and its
containers are classes of the Kubernetes client, which the SDK brings along.

Standalone, and for Python 3.9 and later: nothing of the project is installed here.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import json
import re
import sys
import types
from typing import Any

_GROUP = "serving.kserve.io"
_PLAIN: dict[str, Any] = {"str": str, "int": int, "bool": bool, "float": (int, float)}
# Generators of different years spell them in different ways.
_LIST = re.compile(r"[Ll]ist\[(.+)\]")
_MAPPING = re.compile(r"[Dd]ict[(\[]str, (.+)[)\]]")


def main() -> None:
    """Judge each manifest and tell what is wrong with it."""
    modules = _modules()
    told = []
    for manifest in json.load(sys.stdin):
        walk = _Walk(modules)
        walk.manifest(manifest)
        told.append(walk.wrong)
    print(json.dumps(told))  # noqa: T201 - it is what the test reads


def _modules() -> list[Any]:
    """Import the classes only: what the SDK's own __init__ imports takes ten seconds on some."""
    found = importlib.util.find_spec("kserve")
    if found is None or found.submodule_search_locations is None:
        raise ImportError("this environment has no kserve")
    package = types.ModuleType("kserve")
    package.__path__ = list(found.submodule_search_locations)
    sys.modules["kserve"] = package
    return [importlib.import_module(name) for name in ("kserve.models", "kubernetes.client")]


class _Walk:
    """Makes objects of a manifest, from the leaves up, and keeps what is wrong on the way."""

    def __init__(self, modules: list[Any]) -> None:
        self._modules = modules
        self.wrong: list[str] = []

    def manifest(self, manifest: Any) -> None:
        """Make the object that apiVersion and kind name."""
        group, _, version = str(manifest.get("apiVersion")).partition("/")
        kind = manifest.get("kind")
        if group != _GROUP:
            self._tell("apiVersion", f"{group!r} is not {_GROUP}")
        elif self._class(f"{version.capitalize()}{kind}") is None:
            self._tell("kind", f"there is no {kind} of {version}")
        else:
            self._made(manifest, f"{version.capitalize()}{kind}", "")

    def _made(self, value: Any, kind: str, place: str) -> Any:
        """Give an object of the kind, in the words of ``openapi_types``; None for a wrong value."""
        item, member = _LIST.fullmatch(kind), _MAPPING.fullmatch(kind)
        if item:
            return self._list(value, item[1], place)
        if member:
            return self._mapping(value, member[1], place)
        if kind == "object":
            return value
        if kind in _PLAIN:
            # To Python a bool is an int, too; to Kubernetes it isn't.
            if isinstance(value, bool) != (kind == "bool") or not isinstance(value, _PLAIN[kind]):
                return self._tell(place, f"{value!r} is no {kind}")
            return value
        return self._object(value, kind, place)

    def _list(self, value: Any, kind: str, place: str) -> Any:
        if not isinstance(value, list):
            return self._tell(place, f"{value!r} is no list")
        return [self._made(each, kind, f"{place}[{index}]") for index, each in enumerate(value)]

    def _mapping(self, value: Any, kind: str, place: str) -> Any:
        if not isinstance(value, dict):
            return self._tell(place, f"{value!r} is no mapping")
        return {name: self._made(each, kind, f"{place}.{name}") for name, each in value.items()}

    def _object(self, value: Any, kind: str, place: str) -> Any:
        model = self._class(kind)
        if model is None:
            return self._tell(place, f"the SDK has no class {kind} to hold it against")
        if not isinstance(value, dict):
            return self._tell(place, f"{value!r} is no {kind}")
        attributes = {name: attribute for attribute, name in model.attribute_map.items()}
        members = {}
        for name, each in value.items():
            inner = f"{place}.{name}".lstrip(".")
            if name in attributes:
                attribute = attributes[name]
                members[attribute] = self._made(each, model.openapi_types[attribute], inner)
            else:
                self._tell(inner, f"{kind} has no such field{_near(name, attributes)}")
        try:
            # What is required, and the values of some enums, are known to the constructor only.
            return model(**members)
        except ValueError as error:
            return self._tell(place, " ".join(str(error).split()))

    def _class(self, name: str) -> Any:
        for module in self._modules:
            if hasattr(module, name):
                return getattr(module, name)
        return None

    def _tell(self, place: str, what: str) -> None:
        self.wrong.append(f"{place}: {what}")


def _near(name: str, names: Any) -> str:
    folded = {each.lower(): each for each in names}
    near = difflib.get_close_matches(name.lower(), folded, n=1)
    return f", did you mean {folded[near[0]]!r}?" if near else ""


if __name__ == "__main__":
    # This file's folder holds nothing that the SDK may import.
    sys.path.pop(0)
    main()
