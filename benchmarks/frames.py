"""What the wrapper sends to TorchServe for a tensor as bytes; see docs/envelopes.md."""

from __future__ import annotations

import json
import struct

HEADERS = {"Content-Type": "application/octet-stream"}
_MOST_BYTES = 2**31


def before(count: int) -> bytes:
    """Give what stands before the bytes of so many FP32, in a frame of one tensor ``x``."""
    told = {"binary_data_size": 4 * count}
    tensor = {"name": "x", "shape": [count], "datatype": "FP32", "parameters": told}
    head = json.dumps({"inputs": [tensor]})
    head += " " * (-(16 + len(head)) % 8)
    return struct.pack("<8sII", b"\0tensors", len(head), _MOST_BYTES) + head.encode()
