"""What a server tells beside the protocols: what it counted, and a description of itself."""

from __future__ import annotations

from tests.servers.http import Answer
from tests.servers.state import State

_PATHS: dict[str, dict[str, dict[str, str]]] = {
    "/v2": {"get": {}},
    "/v2/health/live": {"get": {}},
    "/v2/models/{name}/infer": {"post": {}},
}


def metrics(state: State) -> Answer:
    """Give what was counted, in Prometheus' text format."""
    lines = ["# TYPE answered_total counter", 'build_info{version="a \\"b\\""} 1']
    lines += [
        f'answered_total{{protocol="{name}"}} {count}' for name, count in state.answered.items()
    ]
    written = "".join(f"{line}\n" for line in lines)
    return Answer(200, written.encode(), {"content-type": "text/plain; version=0.0.4"})


def description() -> Answer:
    """Give an OpenAPI document of some paths."""
    about = {"title": "right-server", "version": "1.0"}
    return Answer.of({"openapi": "3.1.0", "info": about, "paths": _PATHS})
