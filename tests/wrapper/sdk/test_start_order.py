"""Who is told that a model is ready can ask for it in each protocol."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from tritonclient import grpc as triton

from tests import lending
from tests.wrapper.running import wrapper

_SLOW_GRPC = f"{{python}} {Path(__file__).with_name('slow_grpc.py')}"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("release", "flags"), [("0.10.0", ""), ("0.10.2", "--workers 2"), ("0.13.1", "--workers 2")]
)
def test_grpc_is_served_once_rest_says_ready(release: str, flags: str, tmp_path: Path) -> None:
    """SDK 0.10 to 0.14.0 fork the processes for REST before they start gRPC."""
    instance = lending.instance("kservev2", "contract")
    with wrapper(release, instance, tmp_path, command=_SLOW_GRPC, flags=flags) as running:
        address = f"127.0.0.1:{running.grpc_port}"
        with closing(triton.InferenceServerClient(address)) as grpc:
            assert grpc.is_model_ready("contract")
