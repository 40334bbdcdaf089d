"""The model of a pod on the desk: its name, its sample, and archives that are none."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from fixtures import models
from matrix.desk import served
from matrix.desk.deployment import DeskError

MANIFEST = "MAR-INF/MANIFEST.json"


def archive(folder: Path, **model: object) -> Path:
    """Make an archive whose manifest says this of its model."""
    path = folder / "any.mar"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(MANIFEST, json.dumps({"model": model}))
    return path


def test_the_sample_is_one_image_with_its_digit() -> None:
    digits = served.of_fixtures("digits")
    assert digits.sample is not None
    assert len(digits.sample.v1["instances"]) == len(digits.sample.v2["inputs"]) == 1
    assert digits.sample.answer == [7]
    # Of which a terminal takes the line, and which come to TorchServe alike by every way.
    (tensor,) = digits.sample.v2["inputs"]
    assert (tensor["shape"], tensor["datatype"]) == ([1, 8, 8], "FP32")
    assert len(tensor["data"]) == 64
    assert len(digits.sample.v1["instances"][0]["b64"]) < 300


def test_a_model_has_the_name_in_its_manifest_whatever_the_file_is_called(tmp_path: Path) -> None:
    given = tmp_path / "v3-final.mar"
    given.write_bytes(models.archive("digits").read_bytes())
    found = served.of_archive(given)
    assert (found.name, found.sample, found.config) == ("digits", None, {})
    (tmp_path / "store").mkdir()
    stored = found.archive_in(tmp_path / "store")
    assert stored == tmp_path / "store" / "digits.mar"
    assert stored.read_bytes() == given.read_bytes()


def test_an_archive_that_has_the_models_name_is_not_copied(tmp_path: Path) -> None:
    assert served.of_fixtures("digits").archive_in(tmp_path) == models.archive("digits")
    assert list(tmp_path.iterdir()) == []


def test_the_requirements_of_a_model_are_installed(tmp_path: Path) -> None:
    found = served.of_archive(archive(tmp_path, modelName="m", requirementsFile="r.txt"))
    assert found.config == {"install_py_dep_per_model": "true"}


@pytest.mark.parametrize("name", ["../up", "", "a b", "-m", 7, None])
def test_a_name_that_is_none_is_refused(name: object, tmp_path: Path) -> None:
    with pytest.raises(DeskError, match=r"calls the model .*, which TorchServe doesn't take"):
        served.of_archive(archive(tmp_path, modelName=name))


def test_what_is_no_archive_is_told_by_what_is_wrong_with_it(tmp_path: Path) -> None:
    def wrong(path: Path) -> str:
        with pytest.raises(DeskError) as refused:
            served.of_archive(path)
        told = str(refused.value)
        assert told.startswith(f"--mar {path}: ")
        assert told.endswith("; torch-model-archiver makes archives")
        return told.removeprefix(f"--mar {path}: ").partition(";")[0]

    assert wrong(tmp_path / "none.mar") == "No such file or directory"
    assert wrong(tmp_path) == "Is a directory"
    half = tmp_path / "half.mar"
    half.write_bytes(models.archive("digits").read_bytes()[:-40])
    assert wrong(half) == "it is no zip file, or a damaged one"
    flipped = bytearray(archive(tmp_path, modelName="m").read_bytes())
    flipped[60] ^= 0xFF
    half.write_bytes(flipped)
    assert wrong(half) == "it is no zip file, or a damaged one"
    nameless = f"it has no {MANIFEST} that names a model"
    assert wrong(archive(tmp_path)) == nameless
    for content in ("[]", "{", '{"model": []}'):
        with zipfile.ZipFile(half, "w") as file:
            file.writestr(MANIFEST, content)
        assert wrong(half) == nameless
    with zipfile.ZipFile(half, "w") as file:
        file.writestr("handler.py", "")
    assert wrong(half) == nameless
