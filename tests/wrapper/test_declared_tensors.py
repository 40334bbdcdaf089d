"""What an author declares is what generic clients go by: tritonclient and the suite."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from kserve_conformance.results import results_file
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

from fixtures import models
from fixtures.torchserve import Instance
from tests import lending, processes
from tests.conformance.serving import RELEASES, Serving, serving
from tests.wrapper import running

pytestmark = pytest.mark.integration

SIGNATURE = json.loads(models.SIGNATURES.read_text())["digits"]
# Images in a request.
MANY = 3


@pytest.fixture(scope="module")
def digits() -> Instance:
    """A TorchServe with a real model."""
    return lending.instance("kservev2_faithful", "digits")


@pytest.fixture(scope="module", params=RELEASES)
def service(
    request: pytest.FixtureRequest, digits: Instance, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    """A wrapper on one SDK, with a signature that requests are held to."""
    folder = tmp_path_factory.mktemp("wrapper")
    signatures = folder / "declared.json"
    signatures.write_text(json.dumps({"digits": {**SIGNATURE, "enforced": True}}))
    more = {"MODEL_SIGNATURES": str(signatures)}
    with serving(request.param, digits, folder, more=more) as running:
        yield running


def _clients(service: Serving) -> Iterator[tuple[Any, Any]]:
    """Give a client of each protocol, and its module."""
    with triton_http.InferenceServerClient(service.http) as client:
        yield client, triton_http
    if service.grpc is not None:
        with triton_grpc.InferenceServerClient(service.grpc) as client:
            yield client, triton_grpc


def _metadata(client: Any, module: Any) -> dict[str, Any]:
    """Give a model's metadata as JSON, whose 64-bit numbers are texts over gRPC."""
    told = client.get_model_metadata(
        "digits", **({} if module is triton_http else {"as_json": True})
    )
    return {
        each: [{**tensor, "shape": list(map(int, tensor["shape"]))} for tensor in told[each]]
        for each in ("inputs", "outputs")
    }


def _inferred(client: Any, module: Any, described: dict[str, Any], **other: Any) -> Any:
    """Ask for what metadata describe, as a client does that knows nothing of the model.

    Args:
        other: members of the only input that are replaced.
    """
    (wanted,) = [{**each, **other} for each in described["inputs"]]
    shape = [MANY if size == -1 else size for size in wanted["shape"]]
    tensor = module.InferInput(wanted["name"], shape, wanted["datatype"])
    tensor.set_data_from_numpy(numpy.zeros(shape, triton_to_np_dtype(wanted["datatype"])))
    asked = [module.InferRequestedOutput(each["name"]) for each in described["outputs"]]
    return client.infer("digits", [tensor], outputs=asked)


def test_tritonclient_asks_for_what_metadata_describe(service: Serving) -> None:
    for client, module in _clients(service):
        described = _metadata(client, module)
        assert described == SIGNATURE
        answer = _inferred(client, module, described)
        for output in described["outputs"]:
            told = answer.as_numpy(output["name"])
            assert told.dtype == triton_to_np_dtype(output["datatype"])
            assert told.shape == (MANY,)


def test_what_isnt_declared_is_the_clients_fault(service: Serving) -> None:
    wrong = (
        ({"name": "x"}, "The model has no input x: it takes images"),
        ({"datatype": "FP64"}, "Tensor images is FP64, but the model takes FP32"),
        (
            {"shape": [8, 8]},
            "Tensor images has the shape [8, 8], but the model takes [-1, 8, 8], where -1 is any",
        ),
    )
    for client, module in _clients(service):
        for other, told in wrong:
            with pytest.raises(InferenceServerException) as refused:
                _inferred(client, module, SIGNATURE, **other)
            assert refused.value.status() in ("400", "StatusCode.INVALID_ARGUMENT")
            assert refused.value.message() == told


def test_the_suite_needs_no_payloads(service: Serving, tmp_path: Path) -> None:
    target = ["--target", service.url, "--model", "digits", "--answer-timeout", "60"]
    if service.grpc is not None:
        target += ["--grpc-target", service.grpc]
    command = ["kserve_conformance", "run", *target, f"--out={tmp_path}"]
    done = processes.run(command)
    assert done.returncode == 0, done.stdout
    verdicts = {
        record.check: record.verdict
        for record in results_file.read(tmp_path / "results.jsonl").records
    }
    # Made from the metadata: without them nothing is known that the model answers.
    inferred = ["V2-INFER-001", *(["GRPC-INFER-001"] if service.grpc else [])]
    assert [str(verdicts[check]) for check in inferred] == ["passed"] * len(inferred)


@pytest.mark.parametrize("release", [running.RELEASES[0], running.RELEASES[-1]])
def test_a_file_that_cant_be_used_stops_the_start(release: str, tmp_path: Path) -> None:
    file = tmp_path / "declared.json"
    file.write_text('{"contract": {"inputs": [{"name": "x", "shape": [1]}]}}')
    refusal = running.refusal_of(release, tmp_path / "pod", signatures=file)
    read = tmp_path / "pod" / "models" / "config" / "signatures.json"
    line = (
        f'{read} can\'t be used: inputs[0] of model "contract" has no "datatype": '
        "write name, datatype, shape"
    )
    assert (refusal.exit_code, refusal.termination_line) == (2, line)
    assert refusal.opened_ports == ()
    # It has begun to log by then.
    *before, last = refusal.stderr.splitlines()
    assert last == line
    assert all(" wrapper INFO: " in each for each in before), before
