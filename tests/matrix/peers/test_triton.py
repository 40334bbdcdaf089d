"""What Triton is told of the contract model."""

from __future__ import annotations

from pathlib import Path

import pytest
from kserve_conformance import tensors
from kserve_conformance.asking.target import read_payloads
from kserve_conformance.results.verdict import Unprovisioned
from kserve_conformance.tensors import Declared

from matrix.environments import roster
from matrix.peers import triton
from matrix.peers.place import Place


def test_each_input_is_declared_as_one_that_may_be_left_out() -> None:
    config = triton.configuration('name: "contract"\n')
    assert config.startswith('name: "contract"\n')
    assert config.count("input {") == config.count("output {") == len(tensors.declared())
    for line in (
        'input { name: "returned_a_BOOL_2d" data_type: TYPE_BOOL dims: [-1, -1] optional: true }',
        'output { name: "returned_a_BOOL_2d" data_type: TYPE_BOOL dims: [-1, -1] }',
        'input { name: "sleep" data_type: TYPE_FP32 dims: [-1] optional: true }',
        'output { name: "sleep" data_type: TYPE_STRING dims: [-1] }',
    ):
        assert f"{line}\n" in config


def test_a_python_without_a_shared_library_is_told(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho /packages; echo 3.12; echo /usr/lib/libpython3.12.a\n")
    python.chmod(0o755)
    with pytest.raises(Unprovisioned, match=r"shared library of Python 3\.12, which .*libpython3"):
        triton.start(python, Place(1, 2, 3, tmp_path))


def test_the_sample_has_declared_inputs() -> None:
    payloads = roster.find("triton-2.51.0").payloads
    assert payloads is not None
    sample = read_payloads(payloads)["v2"]
    declared = tensors.declared()
    for each in sample["inputs"]:
        assert Declared(each["name"], each["datatype"], len(each["shape"])) in declared
