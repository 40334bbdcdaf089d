"""What TorchServe tells of a model's versions where both its REST servers share a port.

What is two names long there, below ``/models``, it takes for SageMaker's ``/models/{model}/invoke``
(`InferenceRequestHandler`), and answers 404. So REST tells the default version, which decides
whether a model is ready, and gRPC the others.
"""

from __future__ import annotations

import contextlib
import http
import logging
import time
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple

from wrapper.address import Address
from wrapper.names import Target
from wrapper.torchserve.description import Description
from wrapper.torchserve.management_api import EVERY, Descriptions, ManagementApi
from wrapper.torchserve.management_errors import BeforeFork, ManagementError
from wrapper.torchserve.versions import Look, beside

logger = logging.getLogger("wrapper")

# Seconds after which versions are asked about again where nothing tells that they have changed.
# What has changed beside the default version is seen that much later.
_ASK_AGAIN_AFTER = 3.0

# Seconds without an answer after which gRPC is taken for out of reach: TorchServe opens its port
# after that for REST, on a busy machine when a model is ready already.
_GIVE_UP_AFTER = 10.0


class _Told(NamedTuple):
    """What gRPC told of all versions of a model, and the moment when it was asked that."""

    asked: float
    versions: Sequence[Description]


class _Question(NamedTuple):
    """One that has been asked by gRPC.

    Attributes:
        asked: the moment.
        default: what was known of the default version then: when that changes, it is asked anew.
        answer: gives the answer; None once that has come.
    """

    asked: float
    default: tuple[str, str | None] | None
    answer: Descriptions | None


class SharedPort:
    """Never waits for gRPC when it looks: what is asked in one look is read in a later one.

    Where gRPC can't be asked, the default version is all there is.
    """

    def __init__(
        self,
        api: ManagementApi,
        customized: bool,
        grpc: Address,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._customized = customized
        self._grpc = grpc
        self._clock = clock
        # Each entry is replaced as a whole: it is read and written on several threads.
        self._told: dict[str, _Told] = {}
        self._problem: str | None = None
        self._failing_since: float | None = None
        # For looks alone.
        self._questions: dict[str, _Question] = {}
        self._seen: dict[str, _Told] = {}

    def look(self, model: str) -> Look:
        """See `Versions`."""
        try:
            default = self._default(model)
        except ManagementError as error:
            # It may come back with other versions, after another start of TorchServe's.
            self._questions.pop(model, None)
            if error.status is None:
                self._failing_since = None
            if error.status == http.HTTPStatus.NOT_FOUND:
                self._told.pop(model, None)
            raise
        self._read(model)
        self._ask_where_due(model, default)
        told, seen = self._told.get(model), self._seen.get(model)
        if told is not None:
            self._seen[model] = told
        return Look(
            default[0] if default else None,
            beside(default, told.versions) if told else (),
            are_new=told is not seen,
            problem=self._problem,
            are_all=told is not None or self._problem is not None,
            is_open=self._is_open(model),
        )

    def describe(self, model: str) -> list[Description]:
        """See `Versions`; the others are as they were last where gRPC doesn't tell them."""
        default = self._default(model)
        if self._problem is None:
            with contextlib.suppress(ManagementError):
                self._ask_now(model)
        told = self._told.get(model)
        return [*default, *(beside(default, told.versions) if told else ())]

    def unregister(self, target: Target) -> None:
        """See `Versions`."""
        if target.version and target.model in self._told and self._problem is None:
            self._api.unregister_by_grpc(target)
        else:
            # No other version is known.
            self._api.unregister(Target(target.model))

    def see_change(self, model: str) -> None:
        """See `Versions`."""
        if self._problem is not None:
            return
        try:
            self._ask_now(model)
        except ManagementError as error:
            if error.status == http.HTTPStatus.NOT_FOUND:
                self._told.pop(model, None)

    def _default(self, model: str) -> list[Description]:
        return self._api.describe(Target(model), self._customized)

    def _ask_now(self, model: str) -> None:
        asked = self._clock()
        self._keep(model, asked, self._api.describe_by_grpc(Target(model, EVERY)))

    def _ask_where_due(self, model: str, default: Sequence[Description]) -> None:
        known = (default[0].version, default[0].why_no_worker) if default else None
        last = self._questions.get(model)
        now = self._clock()
        if last is not None:
            is_old = now - last.asked >= _ASK_AGAIN_AFTER
            if last.answer is not None or (last.default == known and not is_old):
                return
        with contextlib.suppress(BeforeFork):
            answer = self._api.describe_without_waiting(Target(model, EVERY))
            self._questions[model] = _Question(now, known, answer)

    def _is_open(self, model: str) -> bool:
        question = self._questions.get(model)
        return question is not None and question.answer is not None

    def _read(self, model: str) -> None:
        question = self._questions.get(model)
        if question is None or question.answer is None:
            return
        try:
            versions = question.answer()
        except ManagementError as error:
            self._questions[model] = question._replace(answer=None)
            if error.status == http.HTTPStatus.NOT_FOUND:
                self._see_answer()
            else:
                self._see_failure(question, error)
            return
        if versions is not None:
            self._questions[model] = question._replace(answer=None)
            self._keep(model, question.asked, versions)

    def _keep(self, model: str, asked: float, versions: Sequence[Description]) -> None:
        known = self._told.get(model)
        if known is None or known.asked <= asked:
            self._told[model] = _Told(asked, versions)
        self._see_answer()

    def _see_answer(self) -> None:
        if self._problem is not None:
            logger.info("TorchServe tells the versions of its models over gRPC at %s", self._grpc)
        self._problem = self._failing_since = None

    def _see_failure(self, question: _Question, error: ManagementError) -> None:
        if self._failing_since is None:
            self._failing_since = question.asked
        has_failed_for = self._clock() - self._failing_since
        if self._problem is None and has_failed_for >= _GIVE_UP_AFTER:
            self._problem = str(error)
            logger.warning(
                "only the default version of each model is served: with inference_address and "
                "management_address the same, TorchServe tells the others over gRPC alone, at %s "
                "(grpc_management_address, grpc_management_port), where %s",
                self._grpc,
                error,
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_questions": {}}
