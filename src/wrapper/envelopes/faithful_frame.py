"""Frames: requests and answers whose tensors are the bytes that they are.

A frame is a magic that no JSON begins with, the length of its head and the most bytes that its
answer may have, the head, and the tensors' bytes. The head is a request or an answer as the binary
tensor data extension has them; the bytes of each tensor begin at a multiple of 8, so that an array
can lie on them. The wrapper's side of it is wrapper/openinference/frames.py.

Installed beside the envelopes into ``ts.torch_handler.request_envelope``; see docs/envelopes.md.
"""

import json
import struct

import numpy as np

_MAGIC = b"\0tensors"
_PREFIX = struct.Struct("<8sII")
_LENGTH = struct.Struct("<I")
_ALIGNED = 8
# The parameter by which the extension tells how many bytes are a tensor's.
_SIZE = "binary_data_size"

DTYPES = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}


class Framed(dict):  # type: ignore[type-arg]
    """A request that came as a frame, whose answer may be one.

    Attributes:
        most: bytes that a frame may have for TorchServe to pass it on (max_response_size).
    """

    most = 0


def is_frame(body):
    """Tell whether a body is a frame, and no JSON."""
    return isinstance(body, (bytes, bytearray)) and body[: len(_MAGIC)] == _MAGIC


def read(body):
    """Give the request that a frame holds.

    The data of a tensor that came as bytes is a flat array on the memory of the body; that of BYTES
    is a list of texts, or of bytes where one of them is no text.

    Raises:
        LookupError, TypeError, ValueError, struct.error: when it is no frame of the wrapper's.
    """
    _, size, most = _PREFIX.unpack_from(body)
    position = _PREFIX.size + size
    request = Framed(json.loads(bytes(body[_PREFIX.size : position]).decode("utf-8")))
    request.most = most
    for tensor in request.get("inputs", ()):
        if "data" in tensor:
            continue
        parameters = dict(tensor["parameters"])
        size = parameters.pop(_SIZE)
        tensor["data"] = _data(tensor["datatype"], body, position, size)
        if parameters:
            tensor["parameters"] = parameters
        else:
            del tensor["parameters"]
        position += size + -size % _ALIGNED
    return request


def write(document, most=None):
    """Give an answer as a frame, None where it has more bytes than it may have.

    Args:
        document: the answer; the data of its outputs is a list, or what `raw` gives.
    """
    outputs, parts = [], []
    for output in document.get("outputs", ()):
        if not isinstance(output["data"], list):
            raw = memoryview(output["data"])
            parts += (raw, bytes(-raw.nbytes % _ALIGNED))
            parameters = dict(output.get("parameters") or {})
            parameters[_SIZE] = raw.nbytes
            output = dict(output, parameters=parameters)
            del output["data"]
        outputs.append(output)
    head = dict(document, outputs=outputs) if outputs else document
    text = json.dumps(head).encode("utf-8")
    text += b" " * (-(_PREFIX.size + len(text)) % _ALIGNED)
    size = _PREFIX.size + len(text) + sum(memoryview(part).nbytes for part in parts)
    if most is not None and size > most:
        return None
    return b"".join([_PREFIX.pack(_MAGIC, len(text), 0), text, *parts])


# How JSON ends that is written by who reads frames: JSON may, and nothing else here writes it so.
MARK = b" \n"

# The question whether frames are read, and the answer that they are.
EMPTY = write({})


def raw(datatype, data):
    """Give what is the same as data of a datatype in bytes, None where only a list can tell it.

    Args:
        data: a flat list, or a flat array.
    """
    if datatype == "BYTES":
        return _raw_bytes(data.tolist() if hasattr(data, "tolist") else data)
    dtype = _dtype(datatype)
    if dtype is None:
        return None
    if isinstance(data, np.ndarray):
        if data.dtype.name == dtype.name:
            return np.ascontiguousarray(data, dtype)
        data = data.tolist()
    if dtype.kind != "f":
        return array(datatype, data)
    # JSON has integers as such, and rounds nothing.
    return _floats(data, dtype, exactly=True) if set(map(type, data)) <= {float} else None


def array(datatype, elements):
    """Give a flat list as an array, rounded as JSON's numbers are; None where it can't hold one."""
    dtype = _dtype(datatype)
    if dtype is None:
        return None
    kinds = set(map(type, elements))
    if dtype.kind == "b":
        return np.array(elements, dtype) if kinds <= {bool} else None
    if dtype.kind == "f":
        return _floats(elements, dtype) if kinds <= {int, float} else None
    limits = np.iinfo(dtype)
    fits = kinds <= {int} and (
        not elements or (limits.min <= min(elements) and max(elements) <= limits.max)
    )
    return np.array(elements, dtype) if fits else None


def _dtype(datatype):
    return DTYPES.get(datatype) if isinstance(datatype, str) else None


def _floats(elements, dtype, exactly=False):
    try:
        wide = np.array(elements, np.float64)
    except OverflowError:
        return None
    with np.errstate(over="ignore"):
        rounded = wide.astype(dtype)
    if exactly:
        return rounded if ((rounded == wide) | np.isnan(wide)).all() else None
    # What rounds to no number of the datatype it can't hold.
    return rounded if (np.isinf(rounded) == np.isinf(wide)).all() else None


def _raw_bytes(elements):
    parts = []
    for element in elements:
        if isinstance(element, str):
            try:
                element = element.encode("utf-8")
            except UnicodeEncodeError:
                return None
        elif not isinstance(element, (bytes, bytearray)):
            return None
        parts += (_LENGTH.pack(len(element)), element)
    return b"".join(parts)


def _data(datatype, body, position, size):
    if datatype == "BYTES":
        return _texts(list(_elements(body, position, position + size)))
    dtype = DTYPES[datatype]
    if size == 0:
        return np.empty(0, dtype)
    array = np.frombuffer(body, dtype, size // dtype.itemsize, position)
    if dtype.kind == "b":
        numbers = array.view(np.uint8)
        # Any other number is true, too, but numpy and torch know it as none.
        return array if numbers.max() <= 1 else numbers != 0
    return array


def _elements(body, position, end):
    while position < end:
        start = position + _LENGTH.size
        position = start + _LENGTH.unpack_from(body, position)[0]
        yield bytes(body[start:position])


def _texts(elements):
    try:
        return [element.decode("utf-8") for element in elements]
    except UnicodeDecodeError:
        return elements
