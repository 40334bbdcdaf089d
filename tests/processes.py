"""Programs that tests run as a person does, each in a process of its own.

What they import of others takes longer than most of them do. So the processes of a test session
share fork servers: one for this interpreter, and one for each SDK environment. A forked start
equals an exact one: see `tests.matrix.running.test_forks`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from fixtures import leftovers
from matrix.planning.axes import KServeRelease
from matrix.planning.subject import base_environment
from matrix.running import launch
from matrix.running.forks import CantFork, ForkedProcess, ForkServers, Process

REPOSITORY = Path(__file__).resolve().parents[1]
# A process that takes longer, in seconds, takes for ever.
_WITHIN = 600
# The module whose server starts all that runs in this interpreter.
_NEEDS_MOST = "tests.matrix.with_addopts"
# The folders of the two kinds of fork servers, for the processes of the session.
_HERE, _SDK = "TESTS_FORK_SERVERS", "TESTS_FORK_SERVERS_SDK"


class SdkServers(ForkServers):
    """Fork servers of SDK environments, one for each, whatever module it starts.

    What tests start there is our wrapper, most often with something changed, or needs no more.
    """

    def start(self, argv: Sequence[str], *given: Any, **more: Any) -> ForkedProcess:
        """Start it by the server of our wrapper."""
        return super().start(argv, *given, **{**more, "beside": "wrapper"})


@contextmanager
def shared() -> Iterator[None]:
    """Let this process, and those that it starts, share fork servers."""
    folder = Path(tempfile.mkdtemp(prefix="tests-"))
    with closing(leftovers.Record(folder)) as record:
        marks = record.environment
        made = {
            _HERE: ForkServers.make(folder / "here", "", {**clean(), **marks}),
            _SDK: ForkServers.make(
                folder / "sdk", KServeRelease.package, {**base_environment(), **marks}
            ),
        }
        os.environ.update({name: str(servers.folder) for name, servers in made.items()})
        yield
        for name, servers in made.items():
            del os.environ[name]
            servers.close()


def of_sdks() -> SdkServers | None:
    """Give the fork servers of SDK environments, None where the session shares none."""
    folder = os.environ.get(_SDK)
    return SdkServers(Path(folder)) if folder else None


def clean() -> dict[str, str]:
    """Give this process's environment without what pytest put there."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}


def command(words: Sequence[str | Path]) -> list[str]:
    """Give the command that runs a module with arguments, in this interpreter."""
    return [sys.executable, "-m", *map(str, words)]


def run(
    words: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    stdout: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a module with arguments to its end, in the repository, and give what it wrote.

    Args:
        stdout: a descriptor for it to write to, instead of the text that is given back.
    """
    environment = clean() if env is None else env
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = start(
            words, environment, out.fileno() if stdout is None else stdout, err.fileno()
        )
        try:
            code = started.wait(_WITHIN)
        except BaseException:
            launch.end_group(started)
            raise
        for each in (out, err):
            each.seek(0)
        return subprocess.CompletedProcess(command(words), code, out.read(), err.read())


def start(
    words: Sequence[str | Path], environment: Mapping[str, str], stdout: int, stderr: int
) -> Process:
    """Start a module with arguments, in the repository, in a process group of its own.

    Args:
        stdout, stderr: descriptors for it to write to.
    """
    argv = command(words)
    folder = os.environ.get(_HERE)
    if folder is not None:
        with suppress(CantFork):
            return ForkServers(Path(folder)).start(
                argv, environment, REPOSITORY, stdout, stderr, beside=_NEEDS_MOST
            )
    return launch.start_group(argv, environment, REPOSITORY, stdout, stderr)
