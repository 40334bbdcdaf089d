"""What is no text in a tensor of BYTES, as TorchServe's own envelope has it, on every way."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from kserve_conformance import tensors
from kserve_conformance.asking.grpc_client import GrpcClient
from tritonclient.utils import deserialize_bytes_tensor

from tests import lending
from tests.wrapper.openinference.ways import Ways
from tests.wrapper.running import wrapper

# A text that happens to be one stays one.
ELEMENTS: list[Any] = [{"cat": 0.9, "dog": None}, "text", "null", None, True, 2.5]
TEXTS = ['{"cat": 0.9, "dog": null}', "text", "null", "null", "true", "2.5"]
ASKED = {"inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [1]}]}


@pytest.mark.parametrize("more", [{}, {"outputs": [{"name": "x"}]}])
def test_it_is_its_json(ways: Ways, more: dict[str, Any]) -> None:
    output = {"name": "x", "shape": [len(ELEMENTS)], "datatype": "BYTES", "data": ELEMENTS}
    ways.reply({"model_name": "digits", "outputs": [output]})
    answer = json.loads(ways.ask("json", {**ASKED, **more}).body)
    assert answer["outputs"] == [{**output, "data": TEXTS}]


@pytest.mark.integration
@pytest.mark.parametrize("release", ["0.9.0", "0.21.0"])
def test_the_object_of_a_handler_is_the_same_by_every_way(release: str, tmp_path: Path) -> None:
    # The model answers this input with what the handler got, which is an object.
    sent = {"name": "returned", "shape": [2], "datatype": "INT64", "data": [1, 2]}
    body = {"inputs": [sent]}
    texts = []
    with wrapper(release, lending.instance("kservev2", "contract"), tmp_path) as subject:
        url = f"{subject.url}/v2/models/contract/infer"
        for more in ({}, {"outputs": [{"name": "returned"}]}):
            (output,) = requests.post(url, json={**body, **more}, timeout=60).json()["outputs"]
            texts += output["data"]
        binary = {**body, "parameters": {"binary_data_output": True}}
        answer = requests.post(url, json=binary, timeout=60)
        length = int(answer.headers["inference-header-content-length"])
        texts += [each.decode() for each in deserialize_bytes_tensor(answer.content[length:])]
        if release != "0.9.0":
            with closing(GrpcClient(f"127.0.0.1:{subject.grpc_port}", "test", 60)) as client:
                told = client.call("ModelInfer", tensors.request("contract", body), {})
            texts += [each.decode() for each in told.outputs[0].contents.bytes_contents]
    assert [json.loads(text) for text in texts] == [sent] * len(texts)
    assert set(texts) == {texts[0]}
