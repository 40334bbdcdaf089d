"""A body as it comes: packed or not, in parts of any length, and never more than is read."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wrapper import steps
from wrapper.errors import ServingError
from wrapper.front.body import Body
from wrapper.front.limits import BodyLimit

MOST = 2000


def _raw(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def _members(data: bytes) -> bytes:
    half = len(data) // 2
    return gzip.compress(data[:half]) + gzip.compress(data[half:])


PACKED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "plain": ("identity", bytes),
    "gzip": ("gzip", gzip.compress),
    "gzip of several members": ("X-GZip", _members),
    "deflate": ("deflate, identity", zlib.compress),
    "deflate without a frame": ("DEFLATE", _raw),
}


def _read(
    encoding: str, parts: list[bytes], most: int = MOST, announced: int | None = None
) -> bytes:
    headers = {"content-encoding": encoding}
    if announced is not None:
        headers["content-length"] = str(announced)
    body = Body(BodyLimit(most), headers)
    for part in parts:
        steps.at_once(body.add(part))
    return body.whole()


def _parts(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    begin = 0
    for end in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
        yield data[begin:end]
        begin = end


@given(st.sampled_from(sorted(PACKED)), st.binary(max_size=MOST), st.lists(st.integers(0, 5000)))
def test_it_is_read_as_it_was_before_it_was_packed(way: str, data: bytes, cuts: list[int]) -> None:
    encoding, pack = PACKED[way]
    packed = pack(data)
    for announced in (None, len(packed)):
        parts = list(_parts(packed, cuts))
        assert _read(encoding, parts, most=MOST + 100, announced=announced) == data


@given(st.sampled_from(sorted(PACKED)), st.integers(MOST + 1, 3 * MOST))
def test_one_byte_too_many_is_refused(way: str, size: int) -> None:
    encoding, pack = PACKED[way]
    with pytest.raises(ServingError) as refused:
        _read(encoding, [pack(b"0" * size)])
    assert refused.value.status == 413


@given(st.sampled_from(sorted(PACKED.keys() - {"plain"})), st.binary(max_size=MOST), st.data())
def test_what_is_cut_short_or_goes_on_is_400(way: str, data: bytes, drawn: st.DataObject) -> None:
    encoding, pack = PACKED[way]
    packed = pack(data)
    kept = drawn.draw(st.integers(1, len(packed) - 1))
    # Where the first member ends the body may end, too.
    assume(way != "gzip of several members" or kept != len(gzip.compress(data[: len(data) // 2])))
    for odd in (packed[:kept], packed + b"\x00"):
        with pytest.raises(ServingError, match="Content-Encoding") as refused:
            _read(encoding, [odd], most=10 * MOST)
        assert refused.value.status == 400


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip, br", "x" * 1000])
def test_what_is_not_read_is_415_with_what_is(encoding: str) -> None:
    with pytest.raises(ServingError, match="is not read: send it plain") as refused:
        _read(encoding, [b"{}"])
    assert refused.value.status == 415
    assert refused.value.headers == {"accept-encoding": "gzip, deflate"}
    assert len(refused.value.message) < 150
    assert _read(encoding, []) == b"", "where there is no body nothing has to be unpacked"


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, _raw])
def test_a_bomb_takes_no_more_memory_than_it_may(pack: Callable[[bytes], bytes]) -> None:
    bomb = pack(b"0" * 100_000_000)
    encoding = "gzip" if pack is gzip.compress else "deflate"
    tracemalloc.start()
    with pytest.raises(ServingError):
        _read(encoding, [bomb], most=1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000


def test_what_is_only_announced_takes_no_memory_and_what_comes_takes_its_own() -> None:
    length = 40_000_000
    part = bytes(length // 400)
    tracemalloc.start()
    body = Body(BodyLimit(length), {"content-length": str(length)})
    for _ in range(10):
        steps.at_once(body.add(part))
    begun = tracemalloc.get_traced_memory()[0]
    for _ in range(390):
        steps.at_once(body.add(part))
    assert len(body.whole()) == length
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert begun < length // 20
    assert peak < length * 1.2
