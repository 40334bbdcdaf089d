"""The Open Inference Protocol for TorchServe's handlers, without losing what a tensor holds.

A handler gets the input tensors of all requests of the batch as one list of dictionaries (name,
shape, datatype, data as `_as_handed_over`, parameters where they are given) and answers a list of
outputs. One that says ``takes_arrays = True`` of itself gets its data as numpy arrays. Installed
into ``ts.torch_handler.request_envelope``; see docs/envelopes.md.
"""

import base64
import json
import math
import struct

import numpy as np
from ts.utils.util import PredictionException

from . import faithful_batch, faithful_frame

# By which the wrapper says that JSON has BYTES in base64, and this envelope likewise; and by which
# clients say so of what they send.
_ENCODING = "torchserve_wrapper_encoding"
_CONTENT_TYPE = "content_type"
_BASE64 = "base64"

_NO_REQUEST = (AttributeError, LookupError, OverflowError, TypeError, ValueError, struct.error)

_DATATYPES = {dtype.name: datatype for datatype, dtype in faithful_frame.DTYPES.items()}


class KServeV2FaithfulEnvelope(faithful_batch.FaithfulBatch):
    """Gives each request of a batch its own outputs, with their shapes and all elements."""

    def __init__(self, handle_fn):
        super().__init__(handle_fn)
        # TorchServe gives a method of a handler, or a function.
        handler = getattr(handle_fn, "__self__", handle_fn)
        self._takes_arrays = bool(getattr(handler, "takes_arrays", False))

    def answer_to_question(self, row):
        """Answer an empty frame with itself, which tells the wrapper that frames are read."""
        body = row.get("data") or row.get("body")
        return faithful_frame.EMPTY if body == faithful_frame.EMPTY else None

    def read(self, row):
        """Give a request, and its input tensors."""
        request = faithful_batch.body_of(row)
        try:
            if faithful_frame.is_frame(request):
                request = faithful_frame.read(request)
            elif isinstance(request, (bytes, bytearray)):
                request = json.loads(request.decode("utf-8"))
            inputs = [_as_handed_over(tensor, self._takes_arrays) for tensor in request["inputs"]]
        except _NO_REQUEST:
            raise PredictionException("The request is no Open Inference request", 400) from None
        return request, inputs

    def handed(self, each, count):
        """Give an input; of several requests a copy, since one that fails is asked about again."""
        if count > 1 and isinstance(each["data"], np.ndarray):
            return dict(each, data=each["data"].copy())
        return each

    def show(self, requests):
        """Put the requests themselves where a handler finds them.

        Their parameters are there, and the outputs that they ask for.
        """
        self.context.open_inference_requests = requests

    def answer(self, place, request, results):
        """Give the V2 answer with the handler's results as outputs, in JSON."""
        answer = self._answer(place, request, results)
        return dict(answer, outputs=[_listed(output) for output in answer["outputs"]])

    def written(self, place, request, results):
        """Give a frame to what came as one, where TorchServe passes it on; else JSON."""
        if isinstance(request, faithful_frame.Framed):
            answer = self._answer(place, request, results)
            answer["outputs"] = [_as_bytes(output) for output in answer["outputs"]]
            frame = faithful_frame.write(answer, request.most)
            if frame is not None:
                return frame
        return super().written(place, request, results) + faithful_frame.MARK

    def _answer(self, place, request, results):
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


def _as_handed_over(tensor, as_arrays):
    """Give a tensor as a handler gets it: its data nested by shape, its base64 as bytes.

    BYTES of one element are that element, whatever their shape: so TorchServe's kservev2 hands it
    over, and handlers that are written for that, TorchServe's own among them, read no list.
    """
    name, shape = tensor["name"], list(tensor["shape"])
    if as_arrays and tensor["datatype"] != "BYTES":
        return dict(tensor, data=_array(name, tensor["datatype"], shape, tensor["data"]))
    if isinstance(tensor["data"], np.ndarray):
        # So what `show` has is the same by every way; who takes arrays finds the flat array there.
        tensor["data"] = tensor["data"].tolist()
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


def _array(name, datatype, shape, data):
    """Give numbers as an array, on the memory in which they came as bytes."""
    if not isinstance(data, np.ndarray):
        data = faithful_frame.array(datatype, _elements(name, shape, data))
        if data is None:
            raise PredictionException(
                "Tensor {} has an element that {} can't hold".format(name, datatype), 400
            )
    _check_count(name, shape, data.size)
    return data.reshape(shape)


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
    _check_count(name, shape, len(elements))
    if elements is not data and data != _shaped(elements, shape):
        raise PredictionException(
            "Tensor {} has data that are nested otherwise than its shape {} says".format(
                name, json.dumps(shape)
            ),
            400,
        )
    return elements


def _check_count(name, shape, count):
    if count != math.prod(shape):
        raise PredictionException(
            "Tensor {} has {} elements, but its shape is {}".format(name, count, json.dumps(shape)),
            400,
        )


def _flat(data):
    """Give the elements of nested lists; the same list where it is flat."""
    flat = data if isinstance(data, list) else [data]
    while any(issubclass(kind, list) for kind in set(map(type, flat))):
        flat = [
            element for each in flat for element in (each if isinstance(each, list) else (each,))
        ]
    return flat


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
    """Give an output, whose data is a flat list, or a flat array."""
    if isinstance(result, dict) and {"datatype", "shape", "data"} <= set(result):
        tensor = dict(result, name=result.get("name", name))
        tensor["data"] = _flat_data(result["data"])
        tensor["shape"] = [int(size) for size in result["shape"]]
        return tensor
    if hasattr(result, "dtype") and hasattr(result, "shape"):
        array = result.detach().cpu().numpy() if hasattr(result, "detach") else np.asarray(result)
        return _from_array(name, array)
    return _from_python(name, result)


def _listed(output):
    """Give an output as JSON has it."""
    data = output["data"]
    tensor = dict(output, data=data.tolist()) if isinstance(data, np.ndarray) else output
    return _without_bytes(tensor) if tensor["datatype"] == "BYTES" else tensor


def _as_bytes(output):
    """Give an output as a frame has it: as JSON does where only that can tell its data."""
    if output["datatype"] == "BYTES" and _ENCODING in (output.get("parameters") or {}):
        # It says how JSON holds them.
        return _listed(output)
    raw = faithful_frame.raw(output["datatype"], output["data"])
    return _listed(output) if raw is None else dict(output, data=raw)


def _flat_data(data):
    if hasattr(data, "detach"):
        data = data.detach().cpu()
        try:
            data = data.numpy()
        except TypeError:
            # Of a type that numpy lacks, such as bfloat16.
            data = data.tolist()
    return data.reshape(-1) if isinstance(data, np.ndarray) else _flat(_plain(data))


def _plain(data):
    if hasattr(data, "detach"):
        data = data.detach().cpu()
    return data.tolist() if hasattr(data, "tolist") else data


def _from_array(name, array):
    datatype, data = _DATATYPES.get(array.dtype.name), array.reshape(-1)
    if datatype is None:
        datatype, data = "BYTES", [_text(element) for element in data.tolist()]
    return {"name": name, "datatype": datatype, "shape": list(array.shape), "data": data}


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
