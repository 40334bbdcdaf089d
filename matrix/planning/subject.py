"""The subject under test: a command that starts a wrapper, ours or anybody's, or an image."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from kserve_conformance.errors import WrongUsage

REPOSITORY = Path(__file__).resolve().parents[2]

OURS_COMMAND = "{python} -m wrapper"
OURS_CONSTRUCTOR = "wrapper.model:TorchServeModel"

# What the harness's own surroundings must not say to the subject.
_NOT_INHERITED = ("PROTOCOL_VERSION", "CONFIG_PATH", "TERMINATION_LOG_PATH")
_NOT_INHERITED_PREFIXES = ("PYTHON", "PYTEST", "TS_", "MODEL_", "KSERVE_TLS_", "VIRTUAL_ENV")


class SubjectError(WrongUsage):
    """A subject that can't be started as it was described on the command line."""


@dataclass(frozen=True)
class Subject:
    """A wrapper under test.

    Attributes:
        name: what results call it.
        command: a shell-like template; ``{python}`` stands for the interpreter of the
            cell's SDK environment and ``{repository}`` for this repository.
        constructor: ``MODULE:CLASS`` or ``FILE:CLASS`` of its kserve.Model subclass, for
            the checks of the constructor; None where it isn't known.
        requirements: what it needs beside the SDK; see `matrix.planning.requirements`.
        ports: of REST and gRPC where it opens these, whatever it is told; else None.
        image: the container image that is run as KServe does, in the place of the command, which
            is empty then; None where the command is run.
    """

    name: str = "wrapper"
    command: str = OURS_COMMAND
    constructor: str | None = OURS_CONSTRUCTOR
    requirements: tuple[str, ...] = ()
    ports: tuple[int, int] | None = None
    image: str | None = None

    @property
    def is_ours(self) -> bool:
        """Tell whether it is this repository's wrapper, started as it is."""
        return self.command == OURS_COMMAND

    @classmethod
    def of_image(cls, image: str, name: str | None) -> Subject:
        """Make the subject that is an image, which results call by its last part without a name.

        Raises:
            SubjectError: when the image is none.
        """
        if not image.strip():
            raise SubjectError("--subject-image is empty: write the name of an image")
        return cls(name or image.rpartition("/")[2], "", constructor=None, image=image)

    @classmethod
    def described(
        cls,
        command: str | None,
        name: str | None,
        constructor: str | None,
        requirements: tuple[str, ...] = (),
        ports: str | None = None,
    ) -> Subject:
        """Make the subject that the command line's options describe; ours without a command.

        Raises:
            SubjectError: when the command is no command, or the ports are none.
        """
        opened = None if ports is None else _ports(ports)
        if command is None:
            constructor = constructor or OURS_CONSTRUCTOR
            return cls(name or "wrapper", OURS_COMMAND, constructor, requirements, opened)
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise SubjectError(f"--wrapper {command!r} is no command: {error}") from None
        if not words:
            raise SubjectError("--wrapper is empty: write the command that starts your wrapper")
        return cls(name or Path(words[-1]).stem, command, constructor, requirements, opened)

    @property
    def is_module(self) -> bool:
        """Tell whether the command is ``{python} -m MODULE``, with arguments or without."""
        words = shlex.split(self.command)
        return words[:2] == ["{python}", "-m"] and len(words) > 2

    def module(self, python: Path) -> str:
        """Give the module that is run where `is_module` holds."""
        return self.argv(python, 0, 0)[2]

    def argv(self, python: Path, http_port: int, grpc_port: int) -> list[str]:
        """Give the command to run, with KServe's usual flags for the ports."""
        words = [
            word.replace("{python}", str(python)).replace("{repository}", str(REPOSITORY))
            for word in shlex.split(self.command)
        ]
        return [*words, "--http_port", str(http_port), "--grpc_port", str(grpc_port)]


def _ports(text: str) -> tuple[int, int]:
    numbers = [int(each) for each in text.split(",") if each.isdecimal()]
    if len(set(numbers)) != 2 or text.count(",") != 1 or not all(0 < n < 65536 for n in numbers):
        raise SubjectError(f"--ports {text}: write the REST port and the gRPC port, as 8080,8081")
    return numbers[0], numbers[1]


def base_environment() -> dict[str, str]:
    """Give the environment that every subject starts from: ours, less what would leak in."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _NOT_INHERITED and not name.startswith(_NOT_INHERITED_PREFIXES)
    }
    # As in the image, where the wrapper is on the path.
    return {**kept, "PYTHONPATH": str(REPOSITORY / "src")}
