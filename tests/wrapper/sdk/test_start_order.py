"""Who is told that a model is ready can ask for it in each protocol."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from tritonclient import grpc as triton

from tests import lending
from tests.wrapper.running import wrapper

_SLOW_GRPC = "{python} -m tests.wrapper.sdk.slow_grpc"


@pytest.mark.integration
@pytest.mark.parametrize("flags", ["", "--workers 2"])
@pytest.mark.parametrize("release", ["0.10.0", "0.12.1", "0.21.0"])
def test_grpc_is_served_once_rest_says_ready(release: str, flags: str, tmp_path: Path) -> None:
    """The SDK starts both at once, and where REST has processes of its own, REST before gRPC."""
    instance = lending.instance("kservev2", "contract")
    with wrapper(release, instance, tmp_path, command=_SLOW_GRPC, flags=flags) as running:
        address = f"127.0.0.1:{running.grpc_port}"
        with closing(triton.InferenceServerClient(address)) as grpc:
            assert grpc.is_model_ready("contract")
