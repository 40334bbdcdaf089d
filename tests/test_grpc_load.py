"""What h2load says is read rightly, and calls that fail are never taken for speed."""

from __future__ import annotations

import pytest
from kserve_conformance.asking.grpc_client import framed

from benchmarks import grpc_load
from benchmarks.load import LoadError

SAID = """\
starting benchmark...
finished in 2.01s, 2388.00 req/s, 170.01KB/s
requests: 4776 total, 4792 started, 4776 done, 4776 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 4776 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 340.03KB (348186) total, 15.16KB (15528) headers, 69.96KB (71640) data
                     min         max         mean         sd        +/- sd
time for request:     1.32ms    176.51ms      6.59ms     11.54ms    93.82%
"""
LOGGED = "".join(f"1796045332895813\t200\t{1000 * number}\n" for number in range(1, 102))


def test_rate_and_latencies_are_read_in_seconds() -> None:
    measured = grpc_load.read(SAID, LOGGED, answer_bytes=10)
    assert measured.requests == 4776
    assert measured.requests_per_second == 2388
    assert [measured.p50, measured.p99] == [pytest.approx(0.051), pytest.approx(0.1)]


def test_a_call_that_fails_has_no_message_whatever_http_says() -> None:
    with pytest.raises(LoadError, match="answers without their message"):
        grpc_load.read(SAID, LOGGED, answer_bytes=11)


@pytest.mark.parametrize("wrong", ["failed", "errored", "timeout"])
def test_errors_are_no_speed(wrong: str) -> None:
    with pytest.raises(LoadError, match="h2load met errors"):
        grpc_load.read(SAID.replace(f"0 {wrong}", f"1 {wrong}"), LOGGED, answer_bytes=10)


def test_what_tells_nothing_is_no_speed() -> None:
    with pytest.raises(LoadError, match="h2load met errors"):
        grpc_load.read("unable to resolve", "", answer_bytes=10)


def test_no_answer_at_all_is_no_speed() -> None:
    with pytest.raises(LoadError, match="no answer in its time"):
        grpc_load.read(SAID, "", answer_bytes=10)


def test_a_message_is_framed_as_grpc_frames_it() -> None:
    assert framed(b"abc") == b"\x00\x00\x00\x00\x03abc"
