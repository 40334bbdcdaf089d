"""Data against shape: one rule for JSON, binary tensors, gRPC and what models answer.

A tensor's data are its elements in row-major order, flat or nested exactly as its shape says
("Tensor Data" of inference_rest.md). Nothing is reshaped.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from wrapper import json_body
from wrapper.errors import ServingError
from wrapper.openinference.seen import Seen

# Of arrays in numpy 2 and of tensors in torch; multiplying a great many would take long, too.
MOST_DIMENSIONS = 64
# Of the empty lists that a shape with a 0 in it means, which cost a client nothing to ask for.
_MOST_EMPTY = 2**20
LARGEST_COUNT = 2**63 - 1


def check(tensor: str, shape: Any) -> None:
    """Refuse what is no list of dimensions, each a number of 0 or more.

    Raises:
        ServingError: 400.
    """
    if not isinstance(shape, list):
        raise ServingError(400, f'Expected "shape" of tensor {tensor} to be a list')
    if len(shape) > MOST_DIMENSIONS:
        raise ServingError(
            400, f"Tensor {tensor} has {len(shape)} dimensions: {MOST_DIMENSIONS} are the most"
        )
    for dimension in shape:
        if type(dimension) is not int or not 0 <= dimension <= LARGEST_COUNT:
            raise ServingError(
                400,
                f"Tensor {tensor} has a dimension {json_body.shown(dimension)}: expected a "
                "number, 0 or more",
            )
    if 0 in shape and math.prod(shape[: shape.index(0)]) > _MOST_EMPTY:
        raise ServingError(
            400,
            f"Tensor {tensor} has no elements, but its shape {json_body.shown(shape)} means more "
            f"than {_MOST_EMPTY} empty lists",
        )


def check_count(tensor: str, shape: Sequence[int], count: int) -> None:
    """Refuse flat data whose number of elements isn't the product of its shape.

    Raises:
        ServingError: 400.
    """
    expected = math.prod(shape)
    if expected != count:
        # Python doesn't write a number of some thousand digits.
        meant = expected if expected <= LARGEST_COUNT else f"more than {LARGEST_COUNT}"
        raise ServingError(
            400,
            f"Tensor {tensor} has {count} elements, but its shape "
            f"{json_body.shown(list(shape))} means {meant}",
        )


def elements(tensor: str, shape: Sequence[int], data: Any) -> list[Any]:
    """Give the elements of JSON data that fit a shape, flat.

    Args:
        shape: one that `check` lets pass.
        data: a list of elements, or lists nested exactly as the shape says: an element alone
            for the shape of no dimension.

    Raises:
        ServingError: 400 when they don't fit.
    """
    if not isinstance(data, list):
        if shape:
            raise ServingError(400, f'Expected "data" of tensor {tensor} to be a list')
        return [data]
    if list not in set(map(type, data)):
        check_count(tensor, shape, len(data))
        return data
    level: list[Any] = [data]
    for size in shape:
        # Below a dimension of 0 there is nothing left that could be wrong.
        if level and (set(map(type, level)) != {list} or set(map(len, level)) != {size}):
            break
        level = list(itertools.chain.from_iterable(level))
    else:
        if list not in set(map(type, level)):
            return level
    raise _nested_otherwise(tensor, shape)


def check_seen(tensor: str, shape: Sequence[int], seen: Seen) -> None:
    """Refuse data that don't fit a shape by what is known of them, as `elements` does.

    Raises:
        ServingError: 400.
    """
    if not seen.levels[0].holds_lists:
        check_count(tensor, shape, seen.count)
        return
    for index, level in enumerate(seen.levels):
        is_last = index == len(shape) - 1
        fits = index < len(shape) and level.shortest == level.longest == shape[index]
        if not fits or (level.holds_others and not is_last):
            raise _nested_otherwise(tensor, shape)


def _nested_otherwise(tensor: str, shape: Sequence[int]) -> ServingError:
    return ServingError(
        400,
        f"Tensor {tensor} has data that are nested otherwise than its shape "
        f"{json_body.shown(list(shape))} says: give its elements flat, or nested exactly so",
    )
