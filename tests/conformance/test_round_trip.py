"""What comes back, read as the form of it allows."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest
from kserve_conformance import expect, round_trip
from kserve_conformance.expect import Departure
from kserve_conformance.tensors import tensor


@pytest.mark.parametrize(
    ("sent", "back"),
    [
        (tensor("a", "INT32", [2], [1, 2]), tensor("a", "INT32", [2], [1.0, 2])),
        (tensor("a", "FP32", [1], [0.1]), tensor("a", "FP32", [1], [0.10000000149011612])),
        (tensor("a", "FP64", [2], [3.0, 0.0]), tensor("a", "FP64", [2], [3, -0.0])),
        (tensor("a", "INT8", [2, 1], [[1], [2]]), tensor("a", "INT8", [2, 1], [1, 2])),
    ],
)
def test_numbers_are_compared_by_value(sent: dict[str, Any], back: dict[str, Any]) -> None:
    round_trip.expect_back(round_trip.of_json([sent]), (), round_trip.of_json([back]), "asked")


def test_a_nan_is_any_other() -> None:
    sent = round_trip.of_json([tensor("a", "FP32", [2], [math.nan, math.inf])])
    other = struct.pack("<If", 0x7FC00001, math.inf)
    head = {"name": "a", "datatype": "FP32", "shape": [2]}
    described = [{**head, "parameters": {"binary_data_size": 8}}]
    round_trip.expect_back(sent, (), round_trip.of_json(described, other), "asked")


@pytest.mark.parametrize(
    ("members", "raw"),
    [
        ({"data": [json.loads("1e400")]}, b""),
        ({"data": [True]}, b""),
        ({"data": [0.5]}, b""),
        ({"data": None}, b""),
        ({"datatype": "INT33", "data": [1]}, b""),
        ({"parameters": {"binary_data_size": 8}}, b"1234"),
        ({"parameters": {"binary_data_size": 3}}, b"123"),
        ({"parameters": {"binary_data_size": -4}}, b"1234"),
        ({"parameters": {"binary_data_size": "4"}}, b"1234"),
        ({"parameters": {"binary_data_size": 4}}, b"12345"),
    ],
)
def test_what_is_no_tensor_is_a_departure(members: dict[str, Any], raw: bytes) -> None:
    described = {"name": "a", "datatype": "INT32", "shape": [1], **members}
    with pytest.raises(Departure, match="not of the specified form"), expect.reading("the answer"):
        round_trip.of_json([described], raw)
