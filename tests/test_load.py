"""What wrk says is read rightly, and errors are never taken for speed."""

import pytest

from benchmarks import load

SAID = """\
Running 4s test @ http://127.0.0.1:1/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     9.66ms    2.03ms  45.31ms   95.50%
    Req/Sec     1.54k   364.17     2.41k    67.50%
  Latency Distribution
     50%  980.00us
     75%    2.41ms
     90%    3.41ms
     99%    1.20s
  7531 requests in 4.01s, 1.50MB read
Requests/sec:   1878.05
Transfer/sec:    381.86KB
"""


def test_rate_and_latencies_are_read_in_seconds() -> None:
    measured = load._read(SAID)
    assert measured.requests == 7531
    assert measured.requests_per_second == 1878.05
    assert [measured.p50, measured.p99] == [pytest.approx(0.00098), pytest.approx(1.2)]


def test_what_tells_no_requests_is_no_speed() -> None:
    with pytest.raises(load.LoadError, match="wrk met errors"):
        load._read(SAID.replace("7531 requests in", "none in"))


@pytest.mark.parametrize("error", ["  Non-2xx or 3xx responses: 3\n", "  Socket errors: read 1\n"])
def test_errors_are_no_speed(error: str) -> None:
    with pytest.raises(load.LoadError, match="wrk met errors"):
        load._read(SAID + error)


def test_no_answer_at_all_is_no_speed() -> None:
    with pytest.raises(load.LoadError, match="no answer in its time"):
        load._read(SAID.replace("1878.05", "0.00"))


def test_a_latency_in_seconds_is_read() -> None:
    # wrk writes a blank behind it.
    assert load._latency("     99%    1.02s \n", 99) == 1.02
