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
from contextlib import closing, contextmanager
from pathlib import Path

from fixtures import leftovers
from matrix.planning.axes import KServeRelease
from matrix.planning.subject import base_environment
from matrix.running.forks import CantFork, ForkServers

REPOSITORY = Path(__file__).resolve().parents[1]
# The folders of the two kinds of fork servers, for the processes of the session.
_HERE, _SDK = "TESTS_FORK_SERVERS", "TESTS_FORK_SERVERS_SDK"


@contextmanager
def shared() -> Iterator[None]:
    """Let this process, and those that it starts, share fork servers."""
    with closing(leftovers.Record(Path(tempfile.mkdtemp(prefix="tests-")))) as record:
        made = {
            _HERE: ForkServers.make("", {**clean(), **record.environment}),
            _SDK: ForkServers.make(
                KServeRelease.package, {**base_environment(), **record.environment}
            ),
        }
        os.environ.update({name: str(servers.folder) for name, servers in made.items()})
        yield
        for name, servers in made.items():
            del os.environ[name]
            servers.close()


def of_sdks() -> ForkServers | None:
    """Give the fork servers of SDK environments, None where the session shares none."""
    return _of(_SDK)


def clean() -> dict[str, str]:
    """Give this process's environment without what pytest put there."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}


def run(
    words: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path = REPOSITORY,
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m`` with the words to its end, and give what it wrote."""
    command = [sys.executable, "-m", *map(str, words)]
    environment = clean() if env is None else dict(env)
    servers = _of(_HERE)
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        try:
            if servers is None:
                raise CantFork("the session shares none")
            files = (stdout.fileno(), stderr.fileno())
            code = servers.start(command, environment, cwd, *files).wait()
        except CantFork:
            return subprocess.run(
                command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=600
            )
        for each in (stdout, stderr):
            each.seek(0)
        return subprocess.CompletedProcess(command, code, stdout.read(), stderr.read())


def _of(variable: str) -> ForkServers | None:
    folder = os.environ.get(variable)
    return ForkServers(Path(folder)) if folder else None
