"""The front: answers requests before the SDK sees them, alike on every release.

It knows paths and bodies, not web frameworks. On 0.10 and later ``sdk.uvicorn_lane`` answers in
the SDK's server, and `front.asgi`, before the SDK's application, what that doesn't take;
``sdk.tornado_server`` puts it before the routes of 0.8 and 0.9, and ``sdk.grpc_servicer`` before
the SDK's gRPC service. What it doesn't own (docs, OpenAI routes)
goes to the SDK.
"""

from __future__ import annotations

from functools import partial
from typing import Callable

from wrapper.front.about import About
from wrapper.front.answer import Answer
from wrapper.front.cors import Cors
from wrapper.front.events import Events
from wrapper.front.inference import Inference
from wrapper.front.metrics_page import MetricsPage
from wrapper.front.routing import Handler, Resource, Route, Router
from wrapper.metrics import kinds
from wrapper.metrics.families import Stages
from wrapper.metrics.kinds import Kind
from wrapper.metrics.requests import Requests
from wrapper.torchserve.exchange import Verb
from wrapper.torchserve.service import TorchServe

__all__ = ["Answer", "Front", "MetricsFront", "Route"]


class MetricsFront:
    """Answers ``/metrics`` alone, where the SDK answers all else (``--bare-sdk``).

    Attributes:
        cors: what browsers are told, whoever answers.
    """

    def __init__(self, torchserve: TorchServe) -> None:
        self.torchserve = torchserve
        self.cors = Cors(torchserve.settings.cors)
        self._router = Router((_metrics(torchserve),), owned=())

    def route(self, method: str, path: str) -> Route | None:
        """Give what answers a request, None for the SDK's own routes.

        Args:
            path: the request's path, percent-encoded, without its query.
        """
        return self._router.route(method, path)


class Front(MetricsFront):
    """Finds the route of a request; the route answers it.

    Args:
        stages: gives the SDK's histograms, which its own model doesn't fill behind the front.

    Attributes:
        requests: counts requests of inference.
        inference: what answers inference, for requests that come in another way.
    """

    def __init__(self, torchserve: TorchServe, stages: Callable[[], Stages] | None = None) -> None:
        super().__init__(torchserve)
        self.requests = Requests(torchserve.readiness.knows, stages)
        self.inference = Inference(torchserve, self.requests)
        events = Events(torchserve.settings.events)
        resources = _resources(torchserve, self.inference, self.requests, events)
        self._router = Router((*resources, _metrics(torchserve)), owned=("", "v1", "v2"))


def _metrics(torchserve: TorchServe) -> Resource:
    return Resource("metrics", {"GET": MetricsPage(torchserve).answer})


def _resources(
    torchserve: TorchServe, inference: Inference, requests: Requests, events: Events
) -> tuple[Resource, ...]:
    about = About(torchserve)
    predict, explain = (partial(inference.answer_v1, verb) for verb in (Verb.PREDICT, Verb.EXPLAIN))

    def inferring(path: str, handler: Handler, kind: Kind) -> Resource:
        counting = partial(requests.counting, kind)
        methods = {"POST": events.around(handler, counting)}
        return Resource(path, methods, counting, torchserve.check_known)

    def of_repository(path: str, handler: Handler) -> Resource:
        return Resource(path, {"POST": handler}, None, torchserve.repository.check_known)

    def of_v2(path: str) -> tuple[Resource, ...]:
        """Give what there is of a model, or of one of its versions."""
        return (
            inferring(f"{path}/infer", inference.infer, kinds.V2_INFER),
            inferring(f"{path}/explain", inference.explain_v2, kinds.V2_EXPLAIN),
            Resource(f"{path}/ready", {"GET": about.model_ready}),
            Resource(path, {"GET": about.model}),
        )

    return (
        inferring("v1/models/{model}:predict", predict, kinds.V1_PREDICT),
        inferring("v1/models/{model}:explain", explain, kinds.V1_EXPLAIN),
        Resource("v1/models/{model}", {"GET": about.model_ready}),
        Resource("v1/models", {"GET": about.models}),
        *of_v2("v2/models/{model}"),
        *of_v2("v2/models/{model}/versions/{version}"),
        Resource("v2/models", {"GET": about.models}),
        Resource("v2/health/live", {"GET": about.live}),
        Resource("v2/health/ready", {"GET": about.ready}),
        Resource("v2/repository/index", {"POST": about.index}),
        of_repository("v2/repository/models/{model}/load", about.load),
        of_repository("v2/repository/models/{model}/unload", about.unload),
        Resource("v2", {"GET": about.server}),
        Resource("", {"GET": about.alive}),
    )
