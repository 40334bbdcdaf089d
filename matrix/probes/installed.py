"""Says what an image has, run in it by a Python of its own (3.7 or later) and nothing else.

Every folder that packages are installed to is looked at, whichever Python it belongs to: the one
that runs this need not be the wrapper's. Prints JSON: by the name of a distribution a list of its
versions, one for each folder that has it, and under ``envelopes`` the names of TorchServe's.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Iterator  # noqa: UP035 - collections.abc has it since 3.9

_PACKAGE_FOLDERS = ("site-packages", "dist-packages")
# Of the kernel, and what is mounted when a pod starts.
_NOT_OF_THE_IMAGE = tuple(map(Path, ("/proc", "/sys", "/dev", "/mnt")))
_ENVELOPES = Path("ts", "torch_handler", "request_envelope")


def main() -> None:
    """Print what is found of the distributions that are named as arguments."""
    names = sys.argv[1:]
    versions: dict[str, list[str]] = {name: [] for name in names}
    envelopes: set[str] = set()
    for folder in package_folders():
        for metadata in sorted(folder.glob("*.*-info")):
            name, version = described(metadata)
            if name in versions:
                versions[name].append(version)
        envelopes.update(each.stem for each in (folder / _ENVELOPES).glob("[!_]*.py"))
    sys.stdout.write(json.dumps({**versions, "envelopes": sorted(envelopes)}) + "\n")


def package_folders() -> list[Path]:
    """List the folders that packages are installed to, each once."""
    found = {Path(path).resolve() for path in sys.path if path}
    for path, below, _ in os.walk("/"):
        folder = Path(path)
        below[:] = [each for each in below if folder / each not in _NOT_OF_THE_IMAGE]
        if folder.name in _PACKAGE_FOLDERS:
            found.add(folder.resolve())
            below.clear()
    return sorted(folder for folder in found if folder.is_dir())


def described(metadata: Path) -> tuple[str, str]:
    """Give name and version of a distribution by the folder of its metadata, nothing without."""
    for file in ("METADATA", "PKG-INFO"):
        if (metadata / file).is_file():
            header = dict(_header(metadata / file))
            return header.get("name", "").lower(), header.get("version", "")
    return "", ""


def _header(file: Path) -> Iterator[tuple[str, str]]:
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line:
            return
        name, _, value = line.partition(":")
        yield name.strip().lower(), value.strip()


if __name__ == "__main__":
    main()
