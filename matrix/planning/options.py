"""The options of a run, the same for ``python -m matrix run`` and for ``pytest matrix``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from matrix.planning import policy, requirements
from matrix.planning.axes import PROFILES
from matrix.planning.axis_table import CHOSEN
from matrix.planning.coverage import COVERAGES, Coverage
from matrix.planning.subject import Subject, SubjectError

DEFAULT_PROFILE = "default"
Preference = Literal["auto", "container", "process"]
RUNTIMES: tuple[Preference, ...] = get_args(Preference)
Start = Literal["auto", "exact", "forked"]
STARTS: tuple[Start, ...] = get_args(Start)


@dataclass(frozen=True)
class RunOptions:
    """What a person asked for. Empty selections mean what the profile holds."""

    profile: str
    kserve: tuple[str, ...]
    protocol: tuple[str, ...]
    torchserve: tuple[str, ...]
    cell: tuple[str, ...]
    check: tuple[str, ...]
    lock: tuple[str, ...]
    coverage: Coverage | None
    runtime: Preference
    image: str | None
    start: Start
    wrapper: str | None
    subject_image: str | None
    wrapper_name: str | None
    constructor: str | None
    requirements: str | None
    with_: tuple[str, ...]
    ports: str | None
    start_timeout: float
    repeat: int
    policy: Path
    out: Path

    @classmethod
    def of(cls, namespace: argparse.Namespace) -> RunOptions:
        """Take the options out of what argparse or pytest parsed."""
        fields = cls.__dataclass_fields__
        got = {name: getattr(namespace, _destination(_option(name))) for name in fields}
        several = [n for n in fields if _OPTIONS[_option(n)].get("action") == "append"]
        lists = {name: tuple(got[name] or ()) for name in several}
        paths = {name: Path(got[name]) for name in ("policy", "out")}
        return cls(**{**got, **lists, **paths})

    def subject(self) -> Subject:
        """Give the wrapper to test.

        Raises:
            SubjectError: for a command that is none, or can't be forked where all are to be, and
                for requirements that can't be read, and for what an image can't be given.
        """
        if self.subject_image is not None:
            self._refuse_beside_image()
            return Subject.of_image(self.subject_image, self.wrapper_name)
        subject = Subject.described(
            self.wrapper,
            self.wrapper_name,
            self.constructor,
            requirements.read(self.requirements, self.with_),
            self.ports,
        )
        if self.start == "forked" and not subject.is_module:
            raise SubjectError(
                f"--start forked is for {{python}} -m MODULE, and not for {subject.command!r}: "
                "leave it out, and each start is exact"
            )
        return subject

    def _refuse_beside_image(self) -> None:
        for field, why in _NOT_OF_AN_IMAGE.items():
            if value := getattr(self, field):
                shown = value if isinstance(value, str) else " ".join(value)
                raise SubjectError(
                    f"--{_option(field)} {shown} and --subject-image contradict each other: {why}"
                )
        for field, wrong in (("runtime", "process"), ("start", "forked")):
            if getattr(self, field) == wrong:
                raise SubjectError(
                    f"--{field} {wrong} and --subject-image contradict each other: an image is "
                    "run in containers, as it is"
                )

    def arguments(self) -> list[str]:
        """Give them as command-line arguments again."""
        return [f"--{name}={value}" for name, value in self._named(self.__dataclass_fields__)]

    def given_names(self) -> list[str]:
        """Give the options of `given_arguments` without their values, each once."""
        return list(dict.fromkeys(self.given_arguments()[::2]))

    def given_arguments(self) -> list[str]:
        """Give those that differ from what holds without them, but for the folder of results."""
        without = parsed()
        differing = [
            name
            for name in self.__dataclass_fields__
            if name != "out" and getattr(self, name) != getattr(without, name)
        ]
        return [word for name, value in self._named(differing) for word in (f"--{name}", value)]

    def _named(self, fields: Iterable[str]) -> Iterator[tuple[str, str]]:
        for name in fields:
            value = getattr(self, name)
            for each in value if isinstance(value, tuple) else (value,):
                if each is not None:
                    yield _option(name), str(each)


def parsed(**given: object) -> RunOptions:
    """Read options as `run` does, which ends the process where they are none.

    Args:
        given: by name, with ``_`` for ``-``; None where one isn't given, a list where several are.
    """
    parser = argparse.ArgumentParser(add_help=False)
    add(parser.add_argument)
    words = (
        f"--{_option(name)}={each}"
        for name, value in given.items()
        for each in (value if isinstance(value, list) else [value])
        if each is not None
    )
    return RunOptions.of(parser.parse_args(list(words)))


def positive(text: str) -> int:
    """Read a number of a command line that must be 1 or larger."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be 1 or larger")
    return int(text)


# What an image has itself, or can't be given.
_NOT_OF_AN_IMAGE = {
    "wrapper": "one of the two is under test",
    "constructor": "the model class of an image isn't imported",
    "requirements": "an image has what it needs",
    "with_": "an image has what it needs",
    "ports": "a pod's ports are 8080 and 8081",
    "lock": "an image has its SDK",
    "image": "an image has its TorchServe",
}

# What argparse and pytest are told of each option.
_OPTIONS: dict[str, dict[str, Any]] = {
    **{
        name: {
            "action": "append",
            "metavar": name.upper(),
            "help": f"Run {what} only; may be given more than once.",
        }
        for name, what in (
            *((axis.name, axis.choosing) for axis in CHOSEN),
            ("cell", "the cell of this id, as --list prints it"),
            ("check", "the check of this id, as expectations.toml names it"),
        )
    },
    "profile": {
        "choices": PROFILES,
        "default": DEFAULT_PROFILE,
        "help": "default: the newest patch of each KServe minor; quick: few cells of three "
        "releases; historical: each with the TorchServe that KServe pinned beside it; torchserve: "
        "every TorchServe release, by pairs; all: every KServe release.",
    },
    "coverage": {
        "choices": COVERAGES,
        "help": "Run so few of the cells that every two points of axes (pairs) or every three "
        "(triples) still meet in one of them; full: all cells (default: the profile's own).",
    },
    "runtime": {
        "choices": RUNTIMES,
        "default": "auto",
        "help": "How TorchServe runs: in a container, as a local process, or whichever works.",
    },
    "image": {"help": "A TorchServe image to use instead of the one built here."},
    "start": {
        "choices": STARTS,
        "default": "auto",
        "help": "How wrappers are started: exact, as in a pod; forked, from a process that has "
        "imported what the SDK depends on, but not SDK or wrapper; auto, forked where it pays. "
        "Where a value is refused each start is exact.",
    },
    "wrapper": {
        "metavar": "COMMAND",
        "help": "Test the wrapper that this command starts; {python} is the interpreter of the "
        "SDK's environment.",
    },
    "subject-image": {
        "metavar": "IMAGE",
        "help": "Test this image, run as KServe runs that of its TorchServe runtime, with its own "
        "TorchServe; the releases in it are found, and its cells are those of these.",
    },
    "wrapper-name": {"metavar": "NAME", "help": "What results call the wrapper, or the image."},
    "constructor": {
        "metavar": "MODULE:CLASS",
        "help": "The wrapper's kserve.Model subclass, for the checks of its constructor; a .py "
        "file may stand for the module.",
    },
    "requirements": {
        "metavar": "FILE",
        "help": "What the wrapper needs beside the SDK, a requirement on each line: resolved for "
        "each release as of its day, beside its lock, and installed in environments of their own.",
    },
    "with": {
        "action": "append",
        "metavar": "PACKAGE",
        "help": "A requirement as those of --requirements, such as 'boto3>=1.20'; may be given "
        "more than once.",
    },
    "ports": {
        "metavar": "HTTP,GRPC",
        "help": "The ports of REST and gRPC that the wrapper opens whatever --http_port and "
        "--grpc_port say, such as 8080,8081: its cells are then run one after another.",
    },
    "lock": {
        "action": "append",
        "metavar": "FILE",
        "help": "Make the environment of the release that this lock is of from it, instead of from "
        "the lock in matrix/locks; may be given more than once.",
    },
    "start-timeout": {
        "type": float,
        # Imports of the SDK alone take 3-7 s on two busy cores.
        "default": 90.0,
        "metavar": "SECONDS",
        "help": "How long a wrapper may take to say that its models are ready (default: 90); more "
        "where a debugger waits in it.",
    },
    "repeat": {
        "type": positive,
        "default": 1,
        "metavar": "N",
        "help": "Run each cell N times, each with a wrapper of its own, to measure what is flaky.",
    },
    "policy": {
        "default": str(policy.FILE),
        "metavar": "FILE",
        "help": "The gate's policy, which says what is known to fail (default: matrix/gate.toml).",
    },
    "out": {
        "default": "results",
        "metavar": "FOLDER",
        "help": "Where results.jsonl and junit.xml go (default: results).",
    },
}


def add(add_option: Callable[..., Any]) -> None:
    """Add the options to a parser of argparse or a group of pytest, by its adding method."""
    for name, told in _OPTIONS.items():
        add_option(f"--{name}", dest=_destination(name), **told)


def _option(field: str) -> str:
    """Name the option of a field; one whose name Python keeps for itself ends in ``_``."""
    return field.rstrip("_").replace("_", "-")


def _destination(option: str) -> str:
    return f"matrix_{option.replace('-', '_')}"
