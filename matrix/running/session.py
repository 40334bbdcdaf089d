"""One run of the matrix: what was asked for, what it stands on, and what it found."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtures import leftovers, torchserve
from fixtures.torchserve import Runtime, RuntimeUnavailable, available_runtime
from matrix.environments import given_locks, own_requirements
from matrix.environments.locking import Lock
from matrix.environments.provision import Environment, found
from matrix.planning import axes
from matrix.planning.axes import Axes, KServeRelease
from matrix.planning.options import RunOptions, Start
from matrix.planning.plan import Plan
from matrix.planning.subject import Subject, base_environment
from matrix.running import instances as running
from matrix.running import pod_files, starting
from matrix.running.disturbance import Repeats
from matrix.running.forks import ForkServers
from matrix.running.instances import Instances
from matrix.running.quiet import Quiet
from matrix.running.recorder import Recorder, past_run
from matrix.running.worker import Stage

# A server imports as much as two starts do, when what is to be imported isn't known yet.
_WORTH_A_SERVER = 3


class MatrixSession:
    """A run of the matrix, as seen from one process of it.

    Attributes:
        worker: what the controller sent, None in the controller itself.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.worker: dict[str, Any] | None = getattr(config, "workerinput", {}).get("matrix")
        self.options = RunOptions.of(config.option)
        self.axes: Axes = axes.load()
        self.subject = self.options.subject()
        self.unavailable: str | None = None
        self.runtime: Runtime = self.worker["runtime"] if self.worker else self._runtime()
        self.plan: Plan = starting.make_plan(self.options, self.runtime)
        self.contents = starting.contents(self.options, self.axes)
        if self.contents is not None:
            # What its name means may change while it is tested.
            self.subject = replace(self.subject, image=self.contents.digest)
        self.locks = self._locks()
        self.lacking: Mapping[str, str] = self.worker["lacking"] if self.worker else {}
        self.instances = Instances()
        self._starting: threading.Thread | None = None
        self._lent = False
        self.recorder: Recorder | None = None
        self.repeats = Repeats()
        self._stage: Stage | None = None
        self._record: leftovers.Record | None = None
        self._forks: ForkServers | None = None
        self._found: dict[str, Environment] = {}

    def _runtime(self) -> Runtime:
        wanted = self.options.runtime
        try:
            return available_runtime(wanted)
        except RuntimeUnavailable as error:
            self.unavailable = str(error)
            return "container" if wanted == "auto" else wanted

    def _locks(self) -> Mapping[str, Lock]:
        if self.worker:
            sent = self.worker["locks"].items()
            return {release: given_locks.read(Path(path), self.axes) for release, path in sent}
        if self.subject.image is not None:
            return {}
        releases = dict.fromkeys(cell.kserve for cell in self.plan.cells)
        return given_locks.of_run(self.options.lock, self.axes, releases)

    @property
    def unmade(self) -> list[str]:
        """List the releases whose environments weren't there when the run was started."""
        return [release for release in self.locks if release not in self._found]

    @property
    def stage(self) -> Stage:
        """Give what the checks of this process stand on."""
        if self._stage is None:
            sent = self.worker or self.to_worker()
            self._stage = self._kind_of_stage()(
                self.subject,
                self.axes,
                running.from_dict(json.loads(Path(sent["instances"]).read_text())),
                Path(sent["folder"]) / f"process-{os.getpid()}",
                sent["marks"],
                self.options.start_timeout,
                self.locks,
                self.lacking,
                {
                    release: Environment(release, Path(python), self.locks[release].digest)
                    for release, python in sent["environments"].items()
                },
                ForkServers(Path(sent["forks"])) if sent["forks"] else None,
                Quiet(Path(sent["folder"])),
            )
        return self._stage

    def _kind_of_stage(self) -> type[Stage]:
        if self.subject.image is None:
            return Stage
        # A client of the engine takes long to import.
        from matrix.running.image_stage import ImageStage

        return ImageStage

    def to_worker(self) -> dict[str, Any]:
        """Give what a worker process has to know. In the controller only, when it has started."""
        if self._record is None:
            raise RuntimeError("the run has not been started")
        return {
            "runtime": self.runtime,
            # Written when they have started; the workers are made meanwhile.
            "instances": str(self._record.folder / "instances.json"),
            "folder": str(self._record.folder),
            "marks": self._record.environment,
            "locks": {release: str(lock.path.absolute()) for release, lock in self.locks.items()},
            "lacking": dict(self.lacking),
            "environments": {release: str(each.python) for release, each in self._found.items()},
            "forks": str(self._forks.folder) if self._forks else None,
        }

    def start(self, hook: Any) -> None:
        """Sweep, and begin to start TorchServe. In the controller only."""
        hook.pytest_matrix_planned(plan=self.plan)
        # So that the environments are looked for that will be used.
        resolved = own_requirements.beside(self.locks, self.subject.requirements)
        self.locks, self.lacking = resolved.found, resolved.lacking
        # Looking for interpreters takes seconds; once for all workers.
        made = {release: found(lock) for release, lock in self.locks.items()}
        self._found = {release: each for release, each in made.items() if each is not None}
        hook.pytest_matrix_environments_lacking(releases=self.unmade)
        told = (*torchserve.sweep(), past_run(self.options), pod_files.notice(self.subject))
        for sentence in told:
            if sentence:
                hook.pytest_matrix_notice(sentence=sentence)
        self._record = leftovers.Record.of_new_folder("matrix-")
        marks = self._record.environment
        # A worker whose controller was killed makes its check to the end, unless it is swept.
        os.environ.update(marks)
        self._forks = fork_servers(
            self.options.start, self.plan, self.subject, self._record.folder / "forks", marks
        )
        needed = self.plan.instances()
        lent = hook.pytest_matrix_instances()
        if lent is not None:
            self.instances, self._lent = lent, True
        if self.contents is not None:
            hook.pytest_matrix_notice(
                sentence=self.contents.sentence(self.axes.offered["envelope"])
            )
            self.instances.identify(needed, self.contents.digest)
        elif self.unavailable:
            hook.pytest_matrix_notice(sentence=self.unavailable)
            self.instances.withhold(needed, self.unavailable)
        else:
            hook.pytest_matrix_notice(
                sentence=f"starting TorchServe ({self.runtime}): "
                + ", ".join(f"{release} with {envelope}" for release, envelope in needed)
            )
            self._starting = threading.Thread(
                target=self.instances.start, args=(needed, self.runtime, self.options.image)
            )
            self._starting.start()

    def begin(self) -> None:
        """Wait for TorchServe, let the workers know, begin the results. In the controller only."""
        if self._starting is not None:
            self._starting.join()
        path = Path(self.to_worker()["instances"])
        path.write_text(json.dumps(self.instances.to_dict()))
        self.recorder = Recorder(
            self.plan,
            self.options,
            self.subject,
            self.runtime,
            self.instances,
            {**self.locks, **dict.fromkeys(self.lacking)},
            forked=self._forks is not None,
            contents=self.contents,
        )

    def close(self) -> None:
        """End all that this process started."""
        with contextlib.ExitStack() as stack:
            if self.worker is None:
                if self._record is not None:
                    stack.callback(self._record.close)
                    for name in self._record.environment:
                        os.environ.pop(name, None)
                if self._forks is not None:
                    stack.callback(self._forks.close)
                if not self._lent:
                    stack.callback(self.instances.stop)
                # It is none that lives where an interrupt came while it was made.
                if self._starting is not None and self._starting.is_alive():
                    stack.callback(self._starting.join)
            if self._stage is not None:
                stack.callback(self._stage.close)


def fork_servers(
    start: Start, plan: Plan, subject: Subject, folder: Path, marks: Mapping[str, str]
) -> ForkServers | None:
    """Make what a run forks its wrappers from, None where each start is to be exact.

    Attempts at one check are to differ in all that a start draws by chance, such as hashes: of a
    repeated run each start is exact.
    """
    visits = Counter(cell.kserve for cell in plan.cells)
    pays = plan.repeat == 1 and max(visits.values(), default=0) >= _WORTH_A_SERVER
    if not subject.is_module or start == "exact" or (start == "auto" and not pays):
        return None
    environment = {**base_environment(), **marks}
    return ForkServers.make(folder, KServeRelease.package, environment, only=start == "forked")
