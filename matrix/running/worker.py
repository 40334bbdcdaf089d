"""What the checks of one process stand on: environments, one running wrapper, observations.

Checks of one cell run one after another in one process, so that the wrapper is started
once per cell. Whatever could not be had is remembered with its reason, and each check of
the cell tells the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, TypeVar

from kserve_conformance.errors import NotKnown
from kserve_conformance.results.verdict import SubjectFailed, Unprovisioned, Verdict

from fixtures import models
from fixtures.torchserve import Instance
from matrix.environments.locking import Lock
from matrix.environments.provision import Environment, of_lock
from matrix.planning.axes import Axes
from matrix.planning.cells import Cell
from matrix.planning.subject import Subject
from matrix.running import constructor, late_model, launch, refusal
from matrix.running.forks import ForkServers
from matrix.running.late_model import LateModel
from matrix.running.launch import RunningWrapper, Situation
from matrix.running.quiet import Quiet
from matrix.running.refusal import Refusal
from matrix.running.spans import Activity, during
from matrix.running.timing import Watch

MODELS = ("contract", "digits")
# Of the first of these, in a TorchServe that cells share; the first one is served by default.
VERSIONS = (models.VERSION, models.SECOND)

T = TypeVar("T")


class HarnessError(NotKnown):
    """A fault of the harness or of what it stands on, never the subject's."""


@dataclass(frozen=True)
class _Failure:
    """Why something couldn't be made.

    Attributes:
        traceback: the error's own at that time; whenever it is raised again, its own grows.
    """

    error: Exception
    traceback: TracebackType | None


@dataclass(eq=False)
class Stage:
    """Gives the checks what they need, and makes each of it once.

    Attributes:
        instances: by `instance_key`, a started TorchServe, or why there is none: a pair of
            the verdict to give (``error`` or ``unprovisioned``) and a sentence.
        folder: where files of the cells go; removed by whoever gave it.
        marks: variables for what is started, see `fixtures.leftovers.Record`.
        start_timeout: seconds that a wrapper may take until its models are ready.
        locks: by SDK release, what its environment is made from.
        lacking: by SDK release, why there is no lock with what the subject requires.
        environments: by SDK release, its environment where it was there when the run began.
        forks: what starts wrappers by a fork; None where each start is to be exact.
        quiet: says when a check may run.
        versions: those of the contract model, the default one first.
    """

    versions: ClassVar[Sequence[str]] = VERSIONS

    subject: Subject
    axes: Axes
    instances: Mapping[str, Instance | tuple[str, str]]
    folder: Path
    marks: Mapping[str, str]
    start_timeout: float
    locks: Mapping[str, Lock]
    lacking: Mapping[str, str]
    environments: Mapping[str, Environment]
    forks: ForkServers | None
    quiet: Quiet
    _made: dict[tuple[str, ...], Any] = field(default_factory=dict, init=False)
    _cell: Cell | None = field(default=None, init=False)

    def close(self) -> None:
        """Leave the cell: end its wrapper, and take its own model away."""
        if self._cell is not None:
            wrapper = self._made.pop(("wrapper", self._cell.visit), None)
            late = self._made.pop(("late", self._cell.visit), None)
            self._cell = None
            try:
                if isinstance(late, LateModel):
                    late.take_away()
            finally:
                if isinstance(wrapper, RunningWrapper):
                    self.end(wrapper)

    @during(Activity.END)
    def end(self, wrapper: RunningWrapper) -> None:
        """End a wrapper of which no more is asked: ours at once, any other politely.

        An interpreter's end takes as much of a processor as a start by a fork. When ours is killed
        it leaves nothing behind, which isn't known of others.

        Raises:
            PortError: when one of its ports is held even so.
        """
        if self.subject.is_ours:
            wrapper.kill()
        else:
            wrapper.stop()

    def instance(self, cell: Cell) -> Instance:
        """Give the TorchServe of a cell.

        Raises:
            Unprovisioned: when no runtime could run one.
            HarnessError: when it did not start.
        """
        found = self.instances[instance_key(cell.torchserve, cell.envelope)]
        if isinstance(found, Instance):
            return found
        verdict, sentence = found
        raise (Unprovisioned if verdict == Verdict.UNPROVISIONED else HarnessError)(sentence)

    def environment(self, release: str) -> Environment:
        """Give the environment of an SDK release, made at the first request.

        Raises:
            Unprovisioned: when it can't be made.
        """
        made = self.environments.get(release)
        return made or self._once(("environment", release), lambda: self._provision(release))

    def wrapper(self, cell: Cell) -> RunningWrapper:
        """Give the running wrapper of a cell; the one of the cell before is ended.

        Raises:
            SubjectFailed: when it doesn't start, or has ended since.
            Unprovisioned: when there is no environment or no TorchServe for it.
        """
        self._enter(cell)
        wrapper = self._once(("wrapper", cell.visit), lambda: self._start(cell, MODELS))
        if wrapper.exit_code() is not None:
            raise wrapper.failure(f"has ended with exit code {wrapper.exit_code()}")
        return wrapper

    def watch(self, cell: Cell) -> Watch:
        """Take the time of a check, and what the cell's wrapper writes meanwhile."""
        return Watch(lambda: self._running(cell))

    def _running(self, cell: Cell) -> RunningWrapper | None:
        wrapper = self._made.get(("wrapper", cell.visit))
        return wrapper if isinstance(wrapper, RunningWrapper) else None

    def interpreter(self, cell: Cell) -> str | None:
        """Give the interpreter of a cell's environment, None where there is none (yet)."""
        made = self.environments.get(cell.kserve) or self._made.get(("environment", cell.kserve))
        return str(made.python) if isinstance(made, Environment) else None

    def refusal(self, cell: Cell) -> Refusal:
        """Tell what the wrapper does with a PROTOCOL_VERSION that it must refuse.

        Raises:
            SubjectFailed: when it can't be started at all.
            Unprovisioned: when there is no environment or no TorchServe for it.
        """
        self._enter(cell)
        python, situation = self._around(cell)
        return self._once(("refusal", cell.visit), lambda: self._observe(python, situation))

    def late_model(self, cell: Cell) -> LateModel:
        """Give the model that only this cell's wrapper is configured with, there or not.

        Raises:
            Unprovisioned: when no runtime could run its TorchServe.
            HarnessError: when that did not start.
        """
        self._enter(cell)
        return self._once(
            ("late", cell.visit),
            lambda: LateModel(late_model.name_of(cell), self.instance(cell), self.start_timeout),
        )

    def another_wrapper(self, cell: Cell, wait_for: Sequence[str]) -> RunningWrapper:
        """Start one more wrapper as the cell's; whoever asked has to end it.

        Raises:
            SubjectFailed: when it doesn't start.
            Unprovisioned: when there is no environment or no TorchServe for it.
        """
        self._need_other_ports()
        return self._start(cell, wait_for, "another")

    def start_with(self, cell: Cell, variables: Mapping[str, str]) -> RunningWrapper:
        """Start one more wrapper with further variables, and wait for nothing: `another_wrapper`.

        Raises:
            SubjectFailed: when it can't be run.
            Unprovisioned: when there is no environment or no TorchServe for it.
        """
        python, situation = self._beside(cell, variables)
        return launch.start(self.subject, python, situation, (), forks=self.forks)

    def refusal_with(self, cell: Cell, variables: Mapping[str, str]) -> Refusal:
        """Tell what one more wrapper does with further variables that it must refuse, untimed.

        Raises:
            SubjectFailed: when it can't be run.
            Unprovisioned: when there is no environment or no TorchServe for it.
        """
        python, situation = self._beside(cell, variables)
        with during(Activity.FORKED_START if self.forks else Activity.EXACT_START):
            return refusal.watch(self.subject, python, situation, self.forks)

    def _beside(self, cell: Cell, variables: Mapping[str, str]) -> tuple[Path, Situation]:
        self._enter(cell)
        self._need_other_ports()
        return self._around(cell, "another", variables)

    def _need_other_ports(self) -> None:
        if self.subject.ports is not None:
            raise SubjectFailed(
                "no other can run beside the wrapper, which opens the ports "
                f"{' and '.join(map(str, self.subject.ports))} whatever it is told"
            )

    def constructed(self, cell: Cell) -> dict[str, Any]:
        """Tell what the model's constructor made of the cell's value, unset being None.

        The outcomes are those of `matrix.probes.constructor`.

        Raises:
            SubjectFailed: when the class can't be imported beside this SDK.
            Unprovisioned: when there is no environment for it.
        """
        python = self.environment(cell.kserve).python
        values = {name: self.axes.value(name) for name in self.axes.protocols}
        # What the processes of the run share.
        found = self.folder.parent / f"constructor-{cell.kserve}@{cell.attempt}.json"
        outcomes = self._once(
            ("constructor", cell.kserve, str(cell.attempt)),
            lambda: constructor.outcomes(
                self.subject, python, values, self.marks, found, self.forks
            ),
        )
        return outcomes[cell.protocol]

    @during(Activity.ENVIRONMENT)
    def _provision(self, release: str) -> Environment:
        if release in self.lacking:
            raise Unprovisioned(self.lacking[release])
        return of_lock(self.locks[release])

    @during(Activity.EXACT_START)
    def _observe(self, python: Path, situation: Situation) -> Refusal:
        return refusal.observe(self.subject, python, situation, self.quiet)

    def _start(self, cell: Cell, wait_for: Sequence[str], part: str = "") -> RunningWrapper:
        python, situation = self._around(cell, part)
        return launch.start(
            self.subject, python, situation, wait_for, self.start_timeout, self.forks
        )

    def _around(
        self, cell: Cell, part: str = "", variables: Mapping[str, str] | None = None
    ) -> tuple[Path, Situation]:
        """Give the interpreter of a command, and what surrounds it."""
        late = late_model.name_of(cell)
        python = self.environment(cell.kserve).python
        return python, Situation(
            protocol_version=self.axes.value(cell.protocol),
            envelope=cell.envelope,
            torchserve=self.instance(cell).endpoints,
            models=(*MODELS, late),
            folder=self.folder / cell.visit / part,
            marks=self.marks,
            archives=models.archives({**{name: name for name in MODELS}, late: late_model.ARCHIVE}),
            signatures=models.SIGNATURES,
            variables=variables or {},
        )

    def _enter(self, cell: Cell) -> None:
        if self._cell != cell:
            self.close()
            self._cell = cell

    def _once(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        if key not in self._made:
            try:
                self._made[key] = make()
            except Exception as error:
                self._made[key] = _Failure(error, error.__traceback__)
        made: T | _Failure = self._made[key]
        if isinstance(made, _Failure):
            raise made.error.with_traceback(made.traceback)
        return made


def instance_key(torchserve: str, envelope: str) -> str:
    """Name the TorchServe that the cells of a release and an envelope share."""
    return f"{torchserve}-{envelope}"
