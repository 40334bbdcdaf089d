"""What the checks of an image under test stand on: its pods, each with a TorchServe of its own."""

from __future__ import annotations

from collections.abc import Sequence

from kserve_conformance.results.verdict import Unsupported

from fixtures import models, pods
from fixtures.torchserve import Instance
from matrix.planning.cells import Cell
from matrix.running import image_pod, late_model
from matrix.running.image_pod import PodSituation, RunningPod
from matrix.running.launch import RunningWrapper
from matrix.running.refusal import Refusal
from matrix.running.spans import Activity, during
from matrix.running.worker import MODELS, Stage


class ImageStage(Stage):
    """Gives the checks what they need of an image, and makes each of it once."""

    # TorchServe's REST servers share a port in KServe's examples, and tell nothing of others then.
    versions = (models.VERSION,)

    def instance(self, cell: Cell) -> Instance:
        """Give the TorchServe of a cell, which is that of its pod.

        Raises:
            SubjectFailed: when the pod doesn't start, or has ended since.
            Unsupported: when its TorchServe can't be asked from outside of the pod.
        """
        pod = self.wrapper(cell)
        if not isinstance(pod, RunningPod):
            raise TypeError(f"{pod!r} is no pod")
        if not pod.torchserve_told:
            raise Unsupported(
                "the image's TorchServe doesn't answer from outside of the pod at port "
                f"{pods.TORCHSERVE.management}, which its configuration names, so that the "
                "harness can neither ask it nor give it a model"
            )
        return pod.instance

    def refusal(self, cell: Cell) -> Refusal:
        """Tell what a pod does with a PROTOCOL_VERSION that it must refuse.

        Raises:
            SubjectFailed: when it can't be run at all.
        """
        self._enter(cell)
        return self._once(
            ("refusal", cell.visit),
            lambda: image_pod.observe(self._pod(cell, "", idle=frozenset()), self.quiet),
        )

    @during(Activity.EXACT_START)
    def _start(self, cell: Cell, wait_for: Sequence[str], part: str = "") -> RunningWrapper:
        idle = frozenset({late_model.name_of(cell)}.difference(wait_for))
        situation = self._pod(cell, part, idle)
        return image_pod.start(situation, cell, wait_for, self.start_timeout)

    def _pod(self, cell: Cell, part: str, idle: frozenset[str]) -> PodSituation:
        late = late_model.name_of(cell)
        return PodSituation(
            image=str(self.subject.image),
            protocol_version=self.axes.value(cell.protocol),
            envelope=cell.envelope,
            archives=models.archives({**{name: name for name in MODELS}, late: late_model.ARCHIVE}),
            idle=idle,
            stored=models.archives({late_model.ARCHIVE: late_model.ARCHIVE}),
            folder=self.folder / cell.visit / part,
            signatures=models.SIGNATURES,
        )
