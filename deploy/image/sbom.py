"""Write what an image consists of, as a CycloneDX bill of materials: ``sbom.py IMAGE > sbom.json``.

Needs a container engine, and ``pip install cyclonedx-python-lib``. What is listed is what the image
says of itself when it is asked: Debian's packages by dpkg, Python's by the metadata of each of its
interpreters.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

INTERPRETERS = ("/opt/torchserve/bin/python", "/opt/wrapper/bin/python")
_DEBIAN = ("dpkg-query", "--show", "--showformat", "${Package} ${Version} ${Architecture}\n")
_PYTHON = """
import importlib.metadata, json
found = {(each.metadata["Name"], each.version) for each in importlib.metadata.distributions()}
print(json.dumps(sorted(found)))
"""


class NotTold(Exception):
    """An image that doesn't say what it consists of. Its text says why."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the bill of materials of an image."""
    parser = argparse.ArgumentParser(prog="sbom.py", description="What an image consists of.")
    parser.add_argument("image", metavar="IMAGE")
    image = parser.parse_args(argv).image
    try:
        made = bill_of_materials(image)
    except NotTold as error:
        sys.stderr.write(f"error: {error}\n")
        return 3
    print(JsonV1Dot6(made).output_as_string(indent=1))  # noqa: T201 - it is the output
    return 0


def bill_of_materials(image: str) -> Bom:
    """Ask an image what it consists of.

    Raises:
        NotTold: when it can't be run, or has no such interpreter.
    """
    bom = Bom()
    bom.metadata.component = Component(
        name=image.rpartition("/")[2].partition(":")[0],
        version=_inspected(image),
        type=ComponentType.CONTAINER,
        bom_ref="image",
    )
    components = [*_debian(image)]
    for interpreter in INTERPRETERS:
        components += _python(image, interpreter)
    for component in components:
        bom.components.add(component)
    bom.register_dependency(bom.metadata.component, components)
    return bom


def _debian(image: str) -> Iterable[Component]:
    for line in _said(image, *_DEBIAN).splitlines():
        name, version, architecture = line.split()
        yield Component(
            name=name,
            version=version,
            bom_ref=f"deb:{name}:{architecture}",
            purl=PackageURL("deb", "debian", name, version, {"arch": architecture}),
        )


def _python(image: str, interpreter: str) -> Iterable[Component]:
    for name, version in json.loads(_said(image, interpreter, "-c", _PYTHON)):
        yield Component(
            name=name,
            version=version,
            # Both interpreters may have it, even in the same version.
            bom_ref=f"pypi:{interpreter}:{name}",
            purl=PackageURL("pypi", None, name.lower().replace("_", "-"), version),
            properties=[Property(name="torchserve-kserve:interpreter", value=interpreter)],
        )


def _inspected(image: str) -> str:
    return _output("docker", "image", "inspect", "--format", "{{.Id}}", image).strip()


def _said(image: str, *command: str) -> str:
    program, *arguments = command
    isolated = ("--rm", "--network", "none", "--entrypoint", program)
    return _output("docker", "run", *isolated, image, *arguments)


def _output(*command: str) -> str:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NotTold(f"{command[0]} can't be run: {error.strerror}") from None
    if ran.returncode:
        raise NotTold((ran.stderr.strip() or f"{command[0]} failed").splitlines()[0])
    return ran.stdout


if __name__ == "__main__":
    sys.exit(main())
