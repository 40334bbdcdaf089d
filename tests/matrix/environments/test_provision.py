"""Environments: made once, never used half made, and told when they can't be made."""

from __future__ import annotations

import datetime
import json
import multiprocessing
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kserve_conformance.errors import DataFileError
from kserve_conformance.results.verdict import Unprovisioned

from fixtures import cache
from matrix.environments import interpreters, locking, provision, roster, uv_tool
from matrix.environments.locking import Lock
from matrix.environments.uv_tool import UvFailed
from matrix.planning import axes
from matrix.planning.axes import KServeRelease

RELEASE = KServeRelease("0.21.0", "3.13", datetime.date(2026, 10, 16), (), (), ())

# The oldest, with most from source, and the newest.
_REAL = ("0.8.0", "0.21.0")

# Stands for uv: makes a "python" that answers what a test wants of `import kserve`.
Uv = Callable[..., str]


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lock:
    """Give a cache of its own, an interpreter that needs no search, and a lock."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(interpreters, "find", lambda _: Path("/bin/sh"))
    monkeypatch.setattr(interpreters, "installed", lambda _: Path("/bin/sh"))
    lock = Lock(RELEASE, tmp_path / "kserve-0.21.0.txt", "d" * 64)
    monkeypatch.setattr(locking, "find", lambda _: lock)
    monkeypatch.setattr(locking, "out_of_date", lambda _: None)
    return lock


def uv_making(answer: str, calls: list[list[str]] | None = None) -> Uv:
    def run(*arguments: str | Path, **_: Any) -> str:
        words = [str(each) for each in arguments]
        if calls is not None:
            calls.append(words)
        if words[0] == "venv":
            python = Path(words[-1], "bin", "python")
            python.parent.mkdir(parents=True)
            python.write_text(f"#!/bin/sh\n{answer}\n")
            python.chmod(0o755)
        return ""

    return run


def uv_failing(said: str) -> Uv:
    def run(*_: str | Path, **__: Any) -> str:
        raise UvFailed(said)

    return run


def test_makes_it_from_the_lock_with_hashes_and_without_a_compiler(
    lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(uv_tool, "run", uv_making("echo 0.21.0", calls))
    environment = provision.provision("0.21.0")
    assert environment == provision.Environment("0.21.0", environment.python, lock.digest)
    assert environment.python.exists()
    sync = calls[1]
    assert sync[:2] == ["pip", "sync"]
    assert "--require-hashes" in sync
    assert sync[sync.index("--only-binary") + 1] == ":all:"
    assert sync[-1] == str(lock.path)


def test_makes_it_once(lock: Lock, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(uv_tool, "run", uv_making("echo 0.21.0", calls))
    assert not provision.is_made(RELEASE)
    assert provision.provision("0.21.0") == provision.provision("0.21.0")
    assert provision.is_made(RELEASE)
    assert [call[0] for call in calls] == ["venv", "pip"]


def test_another_lock_is_another_environment(lock: Lock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv_tool, "run", uv_making("echo 0.21.0"))
    first = provision.provision("0.21.0")
    monkeypatch.setattr(locking, "find", lambda _: Lock(RELEASE, lock.path, "e" * 64))
    assert provision.provision("0.21.0").python != first.python


def test_one_that_was_never_finished_is_made_again(
    lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(uv_tool, "run", uv_making("echo 0.21.0", calls))
    folder = provision.provision("0.21.0").python.parent.parent
    (folder / "complete.json").unlink()
    (folder / "half").touch()
    provision.provision("0.21.0")
    assert not (folder / "half").exists()
    assert len(calls) == 4


def test_one_whose_interpreter_is_gone_is_made_again(
    lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uv_tool, "run", uv_making("echo 0.21.0"))
    python = provision.provision("0.21.0").python
    python.unlink()
    assert provision.provision("0.21.0").python.exists()


def test_the_marker_says_what_it_was_made_from(lock: Lock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv_tool, "run", uv_making("echo 0.21.0"))
    folder = provision.provision("0.21.0").python.parent.parent
    made = json.loads((folder / "complete.json").read_text())
    assert made["lock"] == lock.digest
    assert made["interpreter"] == "/bin/sh"


def test_many_at_once_make_it_once(lock: Lock, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    quick = uv_making("echo 0.21.0", calls)

    def slow(*arguments: str | Path, **options: Any) -> str:
        time.sleep(0.1)
        return quick(*arguments, **options)

    monkeypatch.setattr(uv_tool, "run", slow)
    threads = [threading.Thread(target=provision.provision, args=("0.21.0",)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [call[0] for call in calls] == ["venv", "pip"]


def test_a_killed_maker_leaves_nothing_that_is_used(
    lock: Lock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = uv_making("echo 0.21.0")
    begun = tmp_path / "begun"

    def endless(*arguments: str | Path, **options: Any) -> str:
        quick(*arguments, **options)
        begun.touch()
        time.sleep(600)
        return ""

    monkeypatch.setattr(uv_tool, "run", endless)
    process = multiprocessing.get_context("fork").Process(
        target=provision.provision, args=("0.21.0",)
    )
    process.start()
    while not begun.exists():
        time.sleep(0.01)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()

    assert not provision.is_made(RELEASE)
    monkeypatch.setattr(uv_tool, "run", quick)
    assert provision.provision("0.21.0").python.exists()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("echo 'ImportError: no thing' >&2; exit 1", "`import kserve` ended with: ImportError: no"),
        ("echo 0.20.0", "it holds KServe 0.20.0"),
    ],
    ids=["no import", "other release"],
)
def test_one_that_cannot_be_used_is_unprovisioned_and_not_kept(
    answer: str, said: str, lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uv_tool, "run", uv_making(answer))
    with pytest.raises(Unprovisioned) as raised:
        provision.provision("0.21.0")
    assert said in str(raised.value)
    assert not provision.is_made(RELEASE)


def test_a_module_may_stand_for_the_package_and_the_version_is_the_packages(
    lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    triton = roster.find("triton-2.51.0").release
    asked = 'case "$2" in "import numpy, "*"version(\'nvidia-pytriton\')"*)'
    monkeypatch.setattr(uv_tool, "run", uv_making(f"{asked} echo 0.7.0;; *) exit 1;; esac"))
    environment = provision.of_lock(Lock(triton, lock.path, lock.digest))
    assert environment.release == "0.7.0"


def test_without_the_package_index_it_is_unprovisioned_and_says_what_to_do(
    lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uv_tool, "run", uv_failing("error: Failed to fetch\n cause: dns error"))
    with pytest.raises(Unprovisioned) as raised:
        provision.provision("0.21.0")
    sentence = str(raised.value)
    assert sentence.startswith(
        "the environment of KServe 0.21.0 can't be made: the package index can't be reached."
    )
    assert "UV_DEFAULT_INDEX" in sentence


def test_what_uv_refuses_is_unprovisioned_in_uvs_words(
    lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uv_tool, "run", uv_failing("error: Hash mismatch for `numpy`"))
    with pytest.raises(Unprovisioned, match=r"from its lock\. uv said: error: Hash mismatch"):
        provision.provision("0.21.0")


def test_a_missing_lock_is_an_error_not_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "out_of_date", lambda *_: "KServe 0.21.0 has no lock (x)")
    with pytest.raises(DataFileError, match="make it with `python -m matrix lock --kserve"):
        provision.provision("0.21.0")


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a cache that is empty and doesn't stay: pytest would keep 1 GB for its last three runs.

    uv's own holds the wheels that it has fetched and checked for others, and beside what is made
    is what there is of the same releases, whose bytecode it takes over.
    """
    made = cache.directory(provision.ENVIRONMENTS)
    others = [folder for name in _REAL for folder in made.glob(f"kserve-{name}-*")]
    with tempfile.TemporaryDirectory(prefix="matrix-cold-") as folder:
        monkeypatch.setenv("HARNESS_CACHE_DIR", f"{folder}/cache")
        for other in others:
            beside = cache.directory(provision.ENVIRONMENTS) / f"beside-{other.name}"
            beside.symlink_to(other)
        yield Path(folder)


@pytest.mark.integration
def test_an_index_that_does_not_answer_is_unprovisioned(
    cold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(cold / "uv"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(Unprovisioned, match="the package index can't be reached"):
        provision.provision("0.21.0")


@pytest.mark.integration
@pytest.mark.parametrize("name", _REAL)
def test_the_real_one_is_made_anew_from_wheels(name: str, cold: Path) -> None:
    environment = provision.provision(name)
    needs = (
        "import kserve, httptools, grpc, javaproperties, google.protobuf, sys; print(sys.version)"
    )
    ran = subprocess.run([environment.python, "-c", needs], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(axes.load().release(name).python + ".")


@pytest.mark.integration
def test_a_package_that_needs_a_compiler_is_refused_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "native.c").write_text("int native(void) { return 0; }\n")
    (tmp_path / "setup.py").write_text(
        "from setuptools import Extension, setup\n"
        "setup(name='native', version='1', ext_modules=[Extension('native', ['native.c'])])\n"
    )
    target = tmp_path / "target"
    with pytest.raises(UvFailed, match="false"):
        uv_tool.run(
            *("pip", "install", "--target", target, tmp_path), environment=uv_tool.NO_COMPILER
        )
