"""The Open Inference Protocol for TorchServe's handlers, without losing what a tensor holds.

A handler gets the input tensors of all requests of the batch as one list of dictionaries (name,
shape, datatype, data as `_as_handed_over`, parameters where they are given) and answers a list of
outputs. Installed into ``ts.torch_handler.request_envelope``; see docs/envelopes.md.
"""

import base64
import json
import math

import numpy as np
from ts.utils.util import PredictionException

from . import faithful_batch

# By which the wrapper says that JSON has BYTES in base64, and this envelope likewise; and by which
# clients say so of what they send.
_ENCODING = "torchserve_wrapper_encoding"
_CONTENT_TYPE = "content_type"
_BASE64 = "base64"

_DATATYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
}


class KServeV2FaithfulEnvelope(faithful_batch.FaithfulBatch):
    """Gives each request of a batch its own outputs, with their shapes and all elements."""

    def read(self, row):
        """Give a request, and its input tensors."""
        request = faithful_batch.body_of(row)
        try:
            if isinstance(request, (bytes, bytearray)):
                request = json.loads(request.decode("utf-8"))
            return request, [_as_handed_over(tensor) for tensor in request["inputs"]]
        except (AttributeError, LookupError, TypeError, ValueError):
            raise PredictionException("The request is no Open Inference request", 400) from None

    def show(self, requests):
        """Put the requests themselves where a handler finds them.

        Their parameters are there, and the outputs that they ask for.
        """
        self.context.open_inference_requests = requests

    def answer(self, place, request, results):
        """Give the V2 answer with the handler's results as outputs."""
        model = self.context.manifest["model"]
        names = [tensor["name"] for tensor in request["inputs"]]
        if len(results) != len(names):
            names = ["output-{}".format(index) for index in range(len(results))]
        # One that is empty, too, is the request's.
        asked = request.get("id")
        answer = {
            "id": self.context.get_request_id(place) if asked is None else asked,
            "model_name": model.get("modelName"),
            "model_version": model.get("modelVersion"),
            "outputs": [_output(name, result) for name, result in zip(names, results)],
        }
        return {member: value for member, value in answer.items() if value is not None}


def _as_handed_over(tensor):
    """Give a tensor as a handler gets it: its data nested by shape, its base64 as bytes.

    BYTES of one element are that element, whatever their shape: so TorchServe's kservev2 hands it
    over, and handlers that are written for that, TorchServe's own among them, read no list.
    """
    name, shape = tensor["name"], list(tensor["shape"])
    elements = _elements(name, shape, tensor["data"])
    parameters = dict(tensor.get("parameters") or {})
    if tensor["datatype"] == "BYTES":
        for label in (_ENCODING, _CONTENT_TYPE):
            if parameters.get(label) == _BASE64:
                # What is bytes from here on is called base64 no more.
                del parameters[label]
                elements = [_decoded(name, label, element) for element in elements]
    is_alone = tensor["datatype"] == "BYTES" and len(elements) == 1
    data = elements[0] if is_alone else _shaped(elements, shape)
    handed = dict(tensor, data=data, parameters=parameters)
    if not parameters and tensor.get("parameters") != {}:
        del handed["parameters"]
    return handed


def _decoded(name, label, element):
    try:
        return base64.b64decode(element, validate=True)
    except (TypeError, ValueError):
        raise PredictionException(
            'Tensor {} has an element that isn\'t the base64 that its parameter "{}" says'.format(
                name, label
            ),
            400,
        ) from None


def _elements(name, shape, data):
    """Give elements that are flat, or nested exactly as a shape says."""
    elements = _flat(data)
    if len(elements) != math.prod(shape):
        raise PredictionException(
            "Tensor {} has {} elements, but its shape is {}".format(
                name, len(elements), json.dumps(shape)
            ),
            400,
        )
    is_flat = isinstance(data, list) and not any(isinstance(each, list) for each in data)
    if not is_flat and data != _shaped(elements, shape):
        raise PredictionException(
            "Tensor {} has data that are nested otherwise than its shape {} says".format(
                name, json.dumps(shape)
            ),
            400,
        )
    return elements


def _flat(data):
    if not isinstance(data, list):
        return [data]
    return [element for each in data for element in _flat(each)]


def _shaped(elements, shape):
    # Lists and not numpy's, which has no integers beyond 64 bits and turns texts into arrays.
    if not shape:
        return elements[0]
    for place in range(len(shape) - 1, 0, -1):
        size = shape[place]
        if size == 0:
            elements = [[] for _ in range(math.prod(shape[:place]))]
        else:
            elements = [elements[start : start + size] for start in range(0, len(elements), size)]
    return elements


def _output(name, result):
    if isinstance(result, dict) and {"datatype", "shape", "data"} <= set(result):
        tensor = dict(result, name=result.get("name", name))
        tensor["data"] = _flat(_plain(result["data"]))
        tensor["shape"] = [int(size) for size in result["shape"]]
    elif hasattr(result, "dtype") and hasattr(result, "shape"):
        array = result.detach().cpu().numpy() if hasattr(result, "detach") else np.asarray(result)
        tensor = _from_array(name, array)
    else:
        tensor = _from_python(name, result)
    return _without_bytes(tensor) if tensor["datatype"] == "BYTES" else tensor


def _plain(data):
    if hasattr(data, "detach"):
        data = data.detach().cpu()
    return data.tolist() if hasattr(data, "tolist") else data


def _from_array(name, array):
    datatype = _DATATYPES.get(str(array.dtype))
    elements = array.reshape(-1).tolist()
    if datatype is None:
        datatype, elements = "BYTES", [_text(element) for element in elements]
    return {"name": name, "datatype": datatype, "shape": list(array.shape), "data": elements}


def _from_python(name, result):
    result = _without_numpy(result)
    if not isinstance(result, (list, tuple)):
        result = [result]
    shape, level = [], result
    while isinstance(level, (list, tuple)):
        shape.append(len(level))
        level = level[0] if level else None
    elements = _flat(json.loads(json.dumps(result))) if _is_json(result) else _flat(list(result))
    kinds = {type(element) for element in elements}
    if kinds == {bool}:
        datatype = "BOOL"
    elif kinds == {int}:
        datatype = "INT64" if max(elements) < 2**63 else "UINT64"
    elif kinds and kinds <= {int, float}:
        datatype = "FP64"
    elif not kinds:
        # As kservev2 does, since numpy makes FP64 of nothing.
        datatype = "FP64"
    else:
        datatype, elements = "BYTES", [_text(element) for element in elements]
    return {"name": name, "datatype": datatype, "shape": shape, "data": elements}


def _without_numpy(value):
    if isinstance(value, (list, tuple)):
        return [_without_numpy(each) for each in value]
    if isinstance(value, dict):
        return {key: _without_numpy(each) for key, each in value.items()}
    return _plain(value)


def _is_json(result):
    try:
        json.dumps(result)
    except (TypeError, ValueError):
        return False
    return True


def _text(element):
    return element if isinstance(element, (str, bytes)) else json.dumps(element)


def _without_bytes(tensor):
    elements = tensor["data"]
    if not any(isinstance(element, (bytes, bytearray)) for element in elements):
        return tensor
    encoded = [
        element.encode("utf-8") if isinstance(element, str) else bytes(element)
        for element in elements
    ]
    try:
        return dict(tensor, data=[element.decode("utf-8") for element in encoded])
    except UnicodeDecodeError:
        data = [base64.b64encode(element).decode("ascii") for element in encoded]
        parameters = dict(tensor.get("parameters") or {})
        parameters[_ENCODING] = _BASE64
        return dict(tensor, data=data, parameters=parameters)
