"""Settings and a TorchServe to test the wrapper's parts with, without any process."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from wrapper.metrics.timeline import Timeline
from wrapper.names import Target
from wrapper.openinference import frames
from wrapper.protocol import PredictorProtocol
from wrapper.settings import Settings
from wrapper.spliced import Content
from wrapper.torchserve import error_table
from wrapper.torchserve.description import Description
from wrapper.torchserve.error_table import Case
from wrapper.torchserve.exchange import Reply, Verb
from wrapper.torchserve.readiness import Readiness
from wrapper.torchserve.repository import Repository
from wrapper.torchserve.service import TorchServe


def settings(folder: Path, port: int = 9, more: str = "", **environment: str) -> Settings:
    """Give the settings for a TorchServe at a port, 9 by default, where nobody listens.

    Its two REST servers have an address each, as far as the wrapper sees.
    """
    config = folder / "config.properties"
    config.write_text(
        f"inference_address=http://localhost:{port}\nmanagement_address=http://127.0.0.1:{port}\n"
        f"load_models=digits.mar\n{more}\n"
    )
    variables = {"CONFIG_PATH": str(config), **environment}
    return Settings.from_environment(variables, PredictorProtocol.REST_V1)


class Workers:
    """Says of every model what the test put there."""

    def __init__(self, **reasons: str | None) -> None:
        self.reasons = reasons
        self.versions: dict[str, dict[str, str | None]] = {}
        self.are_all = True
        self.described: dict[str, Sequence[Description]] = {}

    def why_no_worker(self, model: str) -> str | None:
        """Give what was put there."""
        return self.reasons[model]

    def versions_last_seen(self, model: str) -> Mapping[str, str | None]:
        """Give what was put there."""
        return self.versions.get(model, {})

    def has_seen_all_versions(self, model: str) -> bool:
        """Tell what was put there."""
        return self.are_all and model in self.versions

    def last_described(self, model: str) -> Sequence[Description] | None:
        """Give what was put there."""
        return self.described.get(model)

    def has_more_to_tell(self, _model: str) -> bool:
        """Say no."""
        return False

    def models(self) -> tuple[str, ...]:
        """Give the names of all models."""
        return tuple(self.reasons)


class _Told(Readiness):
    """Tells what the test puts there as soon as it is there."""

    def versions(self, model: str) -> Mapping[str, str | None]:
        """Give a model's versions."""
        return self._describer.versions_last_seen(model)

    def has_all_versions(self, model: str) -> bool:
        """Tell whether a model has no others."""
        return self._describer.has_seen_all_versions(model)


class AnsweringTorchServe(TorchServe):
    """A TorchServe whose models are ready and answer what the test says; frames aren't read.

    Attributes:
        reply: what each call is answered.
        calls: verb, body and headers of each.
        targets: what each was addressed to.
        workers: what readiness follows.
    """

    def __init__(self, settings: Settings, **reasons: str | None) -> None:
        super().__init__(settings)
        self.workers = Workers(**(reasons or {"digits": None}))
        self.readiness = _Told(tuple(self.workers.reasons), self.workers, 300)
        self.readiness.wait_for_first_answer(1)
        self.repository = Repository(self._management, self.readiness)
        self.reply = Reply(b'{"predictions": [1]}')
        self.calls: list[tuple[Verb, bytes, dict[str, str]]] = []
        self.targets: list[Target] = []

    async def ask(
        self,
        verb: Verb,
        target: Target,
        body: Content,
        headers: Mapping[str, str],
        timeout: float | None = None,
        timeline: Timeline | None = None,
    ) -> Reply:
        """Answer without asking anybody."""
        self.check_ready(target)
        if bytes(body) == frames.EMPTY:
            raise error_table.error(Case.NO_REQUEST)
        self.calls.append((verb, bytes(body), dict(headers)))
        self.targets.append(target)
        if timeline is not None:
            timeline.asked = timeline.replied = time.perf_counter()
        return self.reply
