"""What authors declare of their models' tensors is read, or refused with one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.wrapper.surroundings import settings
from wrapper.names import Target
from wrapper.openinference.signature import UNDECLARED, DeclaredTensor, Signature
from wrapper.settings import SettingsError
from wrapper.signatures import Signatures

TENSOR = {"name": "x", "datatype": "FP32", "shape": [-1, 8]}
X = DeclaredTensor("x", "FP32", (-1, 8))


def _read(folder: Path, document: Any, named: str = "") -> Signatures:
    text = document if isinstance(document, str) else json.dumps(document)
    (folder / "signatures.json").write_text(text)
    return Signatures.read(settings(folder, MODEL_SIGNATURES=named))


def test_nothing_is_declared_without_a_file(tmp_path: Path) -> None:
    assert Signatures.read(settings(tmp_path)).of(Target("digits")) == UNDECLARED


def test_a_version_may_have_a_signature_of_its_own(tmp_path: Path) -> None:
    other = {"inputs": [{**TENSOR, "name": "y"}], "enforced": True}
    read = _read(tmp_path, {"digits": {"outputs": [TENSOR], "versions": {"2.0": other}}})
    for version in ("", "1.0"):
        assert read.of(Target("digits", version)) == Signature(outputs=(X,))
    assert read.of(Target("digits", "2.0")) == Signature(
        (DeclaredTensor("y", "FP32", (-1, 8)),), (), True
    )
    assert read.of(Target("another", "2.0")) == UNDECLARED


def test_a_version_may_have_none(tmp_path: Path) -> None:
    read = _read(tmp_path, {"digits": {"inputs": [TENSOR], "versions": {"2.0": {}}}})
    assert read.of(Target("digits", "2.0")) == UNDECLARED


def test_another_file_may_be_named_and_has_to_be_there(tmp_path: Path) -> None:
    named = tmp_path / "other.json"
    with pytest.raises(SettingsError, match=r"other\.json can't be read .*MODEL_SIGNATURES"):
        _read(tmp_path, {}, str(named))
    named.write_text('{"digits": {}}')
    read = _read(tmp_path, {"digits": {"inputs": [TENSOR]}}, str(named))
    assert read.of(Target("digits")) == UNDECLARED


def test_any_model_may_be_declared_where_only_torchserve_knows_them(tmp_path: Path) -> None:
    (tmp_path / "signatures.json").write_text(json.dumps({"late": {"inputs": [TENSOR]}}))
    read = Signatures.read(settings(tmp_path, more="load_models=none"))
    assert read.of(Target("late")) == Signature((X,))


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("{", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ("[]", "the file is a list: write an object"),
        ('{"digits": {}, "digits": {}}', '"digits" is there twice'),
        ({"digit": {}}, 'no model "digit" is served, but digits'),
        ({"digits": []}, 'model "digits" is a list'),
        ({"digits": {"input": []}}, 'model "digits" has "input", but may have inputs, outputs'),
        ({"digits": {"inputs": {}}}, 'inputs of model "digits" is an object'),
        ({"digits": {"inputs": [1]}}, 'inputs[0] of model "digits" is a number'),
        (
            {"digits": {"outputs": [{"name": "x"}]}},
            'outputs[0] of model "digits" has no "datatype"',
        ),
        (
            {"digits": {"inputs": [{**TENSOR, "dtype": 1}]}},
            'inputs[0] of model "digits" has "dtype"',
        ),
        ({"digits": {"inputs": [{**TENSOR, "name": ""}]}}, 'the name "" of inputs[0]'),
        ({"digits": {"inputs": [{**TENSOR, "datatype": "fp32"}]}}, 'the datatype "fp32" of'),
        ({"digits": {"inputs": [{**TENSOR, "datatype": ["FP32"]}]}}, "the datatype"),
        ({"digits": {"inputs": [{**TENSOR, "shape": [-2]}]}}, "the shape [-2] of"),
        ({"digits": {"inputs": [{**TENSOR, "shape": [True]}]}}, "the shape [true] of"),
        ({"digits": {"inputs": [{**TENSOR, "shape": 8}]}}, "the shape 8 of"),
        ({"digits": {"inputs": [{**TENSOR, "shape": [1] * 65}]}}, "more than 64 dimensions"),
        ({"digits": {"inputs": [TENSOR, TENSOR]}}, 'has two inputs "x"'),
        (
            {"digits": {"inputs": [TENSOR], "enforced": 1}},
            '"enforced" of model "digits" is a number',
        ),
        ({"digits": {"enforced": True}}, 'has "enforced" and no inputs'),
        ({"digits": {"versions": []}}, '"versions" of model "digits" is a list'),
        ({"digits": {"versions": {"2": {"versions": {}}}}}, 'version "2" of model "digits" has'),
    ],
)
def test_what_cant_be_used_is_told_in_one_line(tmp_path: Path, document: Any, told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        _read(tmp_path, document)
    said = str(refused.value)
    assert told in said
    assert said.startswith(f"{tmp_path / 'signatures.json'} can't be used: ")
    assert "\n" not in said
