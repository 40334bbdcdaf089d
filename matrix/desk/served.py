"""The model that a pod on the desk serves: one of the fixtures, or anybody's archive."""

from __future__ import annotations

import json
import math
import re
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fixtures import models, payloads
from matrix.desk.deployment import DeskError

_MANIFEST = "MAR-INF/MANIFEST.json"
# What TorchServe takes for a name, and what is a part of a path as it stands.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Sample:
    """A request in both protocols, short enough to paste, and what must come back.

    Attributes:
        v1, v2: the bodies of V1 predict and of V2 infer, the latter with one input.
        answer: the ``predictions`` of V1, and the ``data`` of the one output of V2.
    """

    v1: Mapping[str, Any]
    v2: Mapping[str, Any]
    answer: list[Any]


@dataclass(frozen=True)
class Served:
    """A model as TorchServe is to serve it.

    Attributes:
        sample: None where it isn't known what the model takes.
        config: properties of TorchServe that it needs.
    """

    name: str
    archive: Path
    sample: Sample | None = None
    config: Mapping[str, str] = field(default_factory=dict)

    def archive_in(self, folder: Path) -> Path:
        """Give the archive under the model's name, copied to a folder where it has another."""
        file = f"{self.name}.mar"
        if self.archive.name == file:
            return self.archive
        return Path(shutil.copyfile(self.archive, folder / file))


def _digits() -> Sample:
    v1 = "digits-v1-image"
    # Numbers, since how a handler gets BYTES of gRPC is a matter of PROTOCOL_VERSION.
    (images,) = payloads.load("digits-v2-tensor")["inputs"]
    _, *shape = images["shape"]
    one = {**images, "shape": [1, *shape], "data": images["data"][: math.prod(shape)]}
    return Sample(
        {"instances": payloads.load(v1)["instances"][:1]},
        {"inputs": [one]},
        payloads.answer(v1)["predictions"][:1],
    )


_SAMPLES = {"digits": _digits}
NAMES = tuple(_SAMPLES)


def of_fixtures(name: str) -> Served:
    """Give a model of `NAMES`."""
    return Served(name, models.archive(name), _SAMPLES[name]())


def of_archive(path: Path) -> Served:
    """Give the model of an archive (MAR), under the name in its manifest.

    Raises:
        DeskError: when it is no archive that TorchServe can serve.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            model = json.loads(archive.read(_MANIFEST))["model"]
            name = model["modelName"]
    except OSError as error:
        raise _wrong(path, error.strerror or str(error)) from None
    except (zipfile.BadZipFile, zlib.error, RuntimeError):
        raise _wrong(path, "it is no zip file, or a damaged one") from None
    except (KeyError, TypeError, ValueError):
        raise _wrong(path, f"it has no {_MANIFEST} that names a model") from None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _wrong(path, f"{_MANIFEST} calls the model {name!r}, which TorchServe doesn't take")
    # As KServe's examples have it for every model.
    needs = {"install_py_dep_per_model": "true"} if model.get("requirementsFile") else {}
    return Served(name, path.absolute(), config=needs)


def _wrong(path: Path, why: str) -> DeskError:
    return DeskError(f"--mar {path}: {why}; torch-model-archiver makes archives")
