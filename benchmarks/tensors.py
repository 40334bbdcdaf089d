"""What tensors that travel as bytes cost: ``python -m benchmarks.tensors``.

FP32 of 1 MB and of a picture of 3 x 640 x 640, there and back, one request at a time, by
tritonclient through the wrapper, and in one run as a raw body to TorchServe directly. The models
give back what they got: ``arrays`` takes numpy's arrays, ``echo`` lists.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy
import requests
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http

from benchmarks import command_line, cpu, frames, outcome, running
from benchmarks.load import LoadError
from fixtures import models
from fixtures import torchserve as torchserves
from fixtures.torchserve import configuration
from matrix.planning import axes
from matrix.planning.subject import Subject
from matrix.running.launch import RunningWrapper

RESULTS = Path(__file__).parent / "results" / "tensors.json"
TORCHSERVE = "0.12.0"
# Elements by what they are.
SIZES = {"1 MB": 250_000, "a picture, 4.9 MB": 3 * 640 * 640}
MODELS = ("arrays", "echo")
PROTOCOLS = ("v2", "grpc-v2")
_WARM = 5

# Takes an array, and gives it as it came back.
_Ask = Callable[[numpy.ndarray[Any, Any]], bytes]


def main() -> int:
    """Measure, write the results, print the table."""
    parser = command_line.parser("tensors", __doc__, RESULTS, seconds=5)
    newest = axes.load().profile("all")[-1]
    parser.add_argument("--kserve", metavar="RELEASE", default=newest, help="0.10 or later")
    asked = parser.parse_args()
    return command_line.run(
        asked, TORCHSERVE, lambda: list(_measure(asked.kserve, asked.seconds, asked.rounds)), table
    )


def table(told: Mapping[str, Any]) -> str:
    """Write results as Markdown, milliseconds of each request."""
    lines = [
        "| | to TorchServe by | model | p50 | TorchServe alone | CPU of the wrapper |\n",
        "|---|---|---|---|---|---|\n",
    ]
    lines.extend(
        f"| {row['size']}, {row['way']} | {row['protocol']} | `{row['model']}` | "
        f"{row['p50_ms']:.1f} ms | {row['torchserve_p50_ms']:.1f} ms | {row['cpu_ms']:.1f} ms |\n"
        for row in told["rows"]
    )
    return "".join(lines)


def _measure(release: str, seconds: int, rounds: int) -> Iterator[dict[str, Any]]:
    with torchserves.start(
        "process",
        release=TORCHSERVE,
        envelope="kservev2_faithful",
        models=[models.archive_with_torch(name) for name in MODELS],
        config=configuration.OWN_JVM,
    ) as torchserve:
        endpoints = torchserve.instance.endpoints
        direct = f"http://{endpoints.host}:{endpoints.inference}/predictions/"
        subject = Subject("wrapper", "{python} -m wrapper")
        for protocol in PROTOCOLS:
            started = running.started(
                subject, release, torchserve.instance, protocol_version=protocol
            )
            with started as wrapper:
                for size, count in SIZES.items():
                    for model in MODELS:
                        place = {"size": size, "model": model, "protocol": protocol}
                        with _ways(wrapper, model) as ways:
                            own = _directly(direct + model, count)
                            measured = [
                                {
                                    way: _figures(wrapper, ask, own, count, seconds)
                                    for way, ask in ways.items()
                                }
                                for _ in range(rounds)
                            ]
                        sys.stderr.write(f"{size}, {model}, {protocol}: done\n")
                        for way in ways:
                            figures = outcome.medians([each[way] for each in measured])
                            yield {**place, "way": way, **figures}


@contextlib.contextmanager
def _ways(wrapper: RunningWrapper, model: str) -> Iterator[dict[str, _Ask]]:
    """Give the ways to ask a model of the wrapper for bytes."""
    by_http = f"127.0.0.1:{wrapper.http_port}"
    with contextlib.ExitStack() as stack:
        http = stack.enter_context(triton_http.InferenceServerClient(by_http))
        by_grpc = f"127.0.0.1:{wrapper.grpc_port}"
        grpc = stack.enter_context(triton_grpc.InferenceServerClient(by_grpc))
        yield {
            "binary HTTP": _by(triton_http, http, model),
            "raw gRPC": _by(triton_grpc, grpc, model),
        }


def _by(triton: Any, client: Any, model: str) -> _Ask:
    def ask(array: numpy.ndarray[Any, Any]) -> bytes:
        tensor = triton.InferInput("x", list(array.shape), "FP32")
        tensor.set_data_from_numpy(array)
        wanted = [triton.InferRequestedOutput("x")]
        told: bytes = client.infer(model, [tensor], outputs=wanted).as_numpy("x").tobytes()
        return told

    return ask


def _directly(url: str, count: int) -> _Ask:
    """Give what asks TorchServe for the same by the frame that the wrapper sends it."""
    prefix = frames.before(count)
    session = requests.Session()

    def ask(array: numpy.ndarray[Any, Any]) -> bytes:
        answer = session.post(
            url, data=prefix + array.tobytes(), headers=frames.HEADERS, timeout=60
        )
        return answer.content[-4 * count :]

    return ask


def _figures(
    wrapper: RunningWrapper, ask: _Ask, own: _Ask, count: int, seconds: int
) -> dict[str, float]:
    array = numpy.random.default_rng(0).random(count, "float32")
    times: dict[_Ask, list[float]] = {ask: [], own: []}
    for each in times:
        for _ in range(_WARM):
            if each(array) != array.tobytes():
                raise LoadError("what came back is not what was sent")
    processes = cpu.tree(wrapper.process_group)
    used = 0.0
    ends = time.monotonic() + seconds
    # In turns, so that what else the machine does is in both.
    while time.monotonic() < ends:
        for each, measured in times.items():
            before = cpu.seconds(processes)
            began = time.perf_counter()
            each(array)
            measured.append(time.perf_counter() - began)
            used += cpu.seconds(processes) - before if each is ask else 0
    return {
        "p50_ms": statistics.median(times[ask]) * 1e3,
        "torchserve_p50_ms": statistics.median(times[own]) * 1e3,
        "cpu_ms": used / len(times[ask]) * 1e3,
    }


if __name__ == "__main__":
    sys.exit(main())
