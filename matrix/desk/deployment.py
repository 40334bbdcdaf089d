"""What is deployed: an InferenceService, and what a control plane writes into its pod."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kserve_conformance.errors import WrongUsage

from fixtures.pods import ARGUMENTS
from matrix.planning.axes import Axes
from matrix.planning.control_planes import (
    ABSENT,
    ControlPlane,
    Pod,
    RuntimeKind,
    called,
)


class DeskError(WrongUsage):
    """A pod that no control plane makes, or an archive that none can serve."""


@dataclass(frozen=True)
class Deployment:
    """An InferenceService and the pod that comes of it.

    Attributes:
        control_plane: the word by which it was asked for, a release of KServe or a name.
        declared: the InferenceService's protocolVersion, one of `control_planes.DECLARED`.
        runtime: its ServingRuntime.
    """

    control_plane: str
    plane: ControlPlane
    declared: str
    runtime: RuntimeKind
    pod: Pod

    @classmethod
    def asked(
        cls, control_plane: str, declared: str, runtime: RuntimeKind | None, axes: Axes
    ) -> Deployment:
        """Deploy an InferenceService by the rules of axes.toml.

        Args:
            runtime: KServe's own where it is None and there is one; else one of another name.

        Raises:
            AxesError: for what is no control plane.
            DeskError: when the control plane refuses the InferenceService.
        """
        plane = axes.control_plane(control_plane)
        if runtime is None:
            runtime = RuntimeKind.OTHER if plane.image is None else RuntimeKind.STOCK
        pod = plane.pod(declared, runtime)
        if pod is None:
            raise DeskError(_refusal(control_plane, plane, declared))
        return cls(control_plane, plane, declared, runtime, pod)

    def lines(self) -> Iterator[str]:
        """Tell the InferenceService, and what is written into its pod."""
        is_absent = self.declared == ABSENT
        declared = (
            "without protocolVersion" if is_absent else f"with protocolVersion {self.declared}"
        )
        name = called(self.control_plane)
        yield f"an InferenceService {declared}, run by {self.runtime.in_words}"
        yield f"written into its pod by the control plane {name} (source: {self.plane.source}):"
        yield f"  TS_SERVICE_ENVELOPE={self.pod.service_envelope or '(empty)'}"
        value = self.pod.protocol_version
        yield f"  PROTOCOL_VERSION{' is not set' if value is None else f'={value}'}"
        arguments = " ".join(ARGUMENTS)
        if self.runtime is RuntimeKind.STOCK:
            yield f"  arguments: {arguments}"
            yield f"  image: {self.plane.image}"
        else:
            yield f"  arguments and image: those of your runtime, such as {arguments}"


def _refusal(word: str, plane: ControlPlane, declared: str) -> str:
    own = "--serving-runtime"
    kinds = ", ".join(kind for kind in RuntimeKind if kind is not RuntimeKind.STOCK)
    if plane.image is None:
        return (
            f"{called(word)}: KServe has no TorchServe runtime of its own: {own} is one of {kinds}"
        )
    admitted = ", ".join(sorted(plane.admits - {ABSENT}))
    return (
        f"--protocol-version {declared}: the TorchServe runtime of {called(word)} admits "
        f"{admitted}; a runtime of your own may admit it, too: {own} {RuntimeKind.NAMESAKE}"
    )
