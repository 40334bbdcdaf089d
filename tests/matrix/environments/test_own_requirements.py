"""Locks of a wrapper's own requirements: beside a release, kept, found again, told if lacking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kserve_conformance.results.verdict import Unprovisioned

from matrix.environments import (
    cache_keys,
    given_locks,
    hybrid,
    interpreters,
    locking,
    own_requirements,
    provision,
    uv_tool,
)
from matrix.environments.locking import Lock, LockError
from matrix.environments.uv_tool import UvFailed
from matrix.planning import axes

OLD, NEW = "0.10.2", "0.21.0"


def pin(name: str, version: str, digit: str) -> str:
    return f"{name}=={version} \\\n    --hash=sha256:{64 * digit}\n"


# What the index has of it today: other hashes of what the lock pins, too.
RESOLVED = pin("fastapi", "0.95.0", "e") + pin("roman", "3.3", "f")


class Uv:
    """Stands for uv: resolves, but for what it can't, and counts."""

    def __init__(self, *impossible: str, said: str = "no solution") -> None:
        self.asked: list[list[str]] = []
        self.constraints: list[str] = []
        self.days: list[str] = []
        self._impossible = impossible
        self._said = said

    def run(self, *arguments: str | Path, stdin: str = "", **_: Any) -> str:
        words = [str(each) for each in arguments]
        self.asked.append(stdin.split())
        self.constraints.append(words[words.index("--constraints") + 1])
        self.days.append(words[words.index("--exclude-newer") + 1])
        for each in self._impossible:
            if each in stdin.splitlines():
                raise UvFailed(f"{self._said} for {each}")
        return RESOLVED


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Uv]:
    """Give a cache of its own, an interpreter that needs no search, and a uv."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(interpreters, "find", lambda _: Path("/bin/sh"))
    monkeypatch.setattr(interpreters, "installed", lambda _: Path("/bin/sh"))

    def make(*impossible: str, said: str = "no solution") -> Uv:
        made = Uv(*impossible, said=said)
        monkeypatch.setattr(uv_tool, "run", made.run)
        return made

    return make


def base(release: str) -> Lock:
    return locking.find(axes.load().release(release))


def test_it_is_the_releases_lock_and_more(uv: Callable[..., Uv]) -> None:
    asked = uv()
    lock, made = base(OLD), own_requirements.make(base(OLD), ["roman"])
    theirs = locking.entries_in(lock.path.read_text())
    entries = locking.entries_in(made.path.read_text())
    assert entries.pop("roman") == pin("roman", "3.3", "f").strip()
    # The pins of the release stay, with the hashes that they have.
    assert entries == theirs
    assert asked.asked == [["roman"]]
    assert asked.constraints == [str(lock.path)]
    assert asked.days == ["2023-07-16T00:00:00Z"]
    assert made.digest != lock.digest


def test_its_header_says_what_it_is_made_of(uv: Callable[..., Uv]) -> None:
    uv()
    made = own_requirements.make(base(OLD), ["boto3<2,>=1", "roman"])
    header = made.path.read_text().partition("\n\n")[0].splitlines()
    assert header == [
        f"# {base(OLD).release.contents}, and what a wrapper needs beside it, resolved by",
        "#   python -m matrix run --kserve=0.10.2 '--with=boto3<2,>=1' --with=roman",
        "# Valid for: CPython 3.9 on Linux, x86_64, glibc",
        "# Cut-off: 2023-07-16T00:00:00Z",
        "# From source: avro, gpustat",
        f"# Lock: sha256:{base(OLD).digest}",
        "# Requirement: boto3<2,>=1",
        "# Requirement: roman",
    ]
    given = given_locks.read(made.path, axes.load())
    assert (given.release, given.digest) == (made.release, made.digest)


def test_it_is_resolved_once_for_each_release_and_for_other_requirements(
    uv: Callable[..., Uv],
) -> None:
    asked = uv()
    locks = {each: base(each) for each in (OLD, NEW)}
    first = own_requirements.beside(locks, ["roman"])
    assert own_requirements.beside(locks, ["roman"]) == first
    assert len(asked.asked) == 2
    assert first.found[OLD].path != first.found[NEW].path
    assert own_requirements.make(locks[OLD], ["roman==3.3"]).path != first.found[OLD].path
    assert len(asked.asked) == 3


def test_another_lock_of_the_release_is_resolved_anew(uv: Callable[..., Uv]) -> None:
    uv()
    lock = base(OLD)
    other = Lock(lock.release, lock.path, "e" * 64)
    assert own_requirements.kept(lock, ["roman"]) != own_requirements.kept(other, ["roman"])


def test_none_leave_the_locks_as_they_are(uv: Callable[..., Uv]) -> None:
    asked = uv()
    locks = {OLD: base(OLD)}
    assert own_requirements.beside(locks, ()).found == locks
    assert asked.asked == []


def test_one_that_holds_them_already_stays_as_it_is(uv: Callable[..., Uv]) -> None:
    asked = uv()
    made = own_requirements.make(base(OLD), ["roman"])
    given = given_locks.read(made.path, axes.load())
    assert own_requirements.make(given, ["roman"]) == given
    assert len(asked.asked) == 1


def test_a_hybrid_of_two_holds_them(uv: Callable[..., Uv]) -> None:
    asked = uv()
    old, new = (own_requirements.make(base(each), ["roman"]) for each in (OLD, "0.11.0"))
    mixed = hybrid.make(new, old, "3.9", axes.load())
    assert mixed.pins()["roman"] == "3.3"
    assert own_requirements.make(mixed, ["roman"]) == mixed
    assert len(asked.asked) == 2


def test_the_sdk_is_that_of_the_cell(uv: Callable[..., Uv]) -> None:
    asked = uv()
    own_requirements.make(base(OLD), ["kserve[storage]"])
    assert asked.asked == [["kserve[storage]==0.10.2"]]


def test_what_cant_be_resolved_is_told_with_the_requirement_and_the_release(
    uv: Callable[..., Uv],
) -> None:
    uv("numpy>=2")
    locks = {each: base(each) for each in (OLD, NEW)}
    resolved = own_requirements.beside(locks, ["boto3", "numpy>=2"])
    assert resolved.found == {}
    assert resolved.lacking[OLD] == (
        "KServe 0.10.2 can't have the wrapper's requirement numpy>=2 beside its lock, as of "
        "2023-07-16 and from wheels: no solution for numpy>=2"
    )


def test_what_cant_be_had_only_together_is_told_together(
    uv: Callable[..., Uv], monkeypatch: pytest.MonkeyPatch
) -> None:
    uv()

    def run(*_: str | Path, stdin: str = "", **__: Any) -> str:
        if len(stdin.split()) > 1:
            raise UvFailed("they contradict each other")
        return RESOLVED

    monkeypatch.setattr(uv_tool, "run", run)
    with pytest.raises(Unprovisioned, match="requirement boto3 and roman beside its lock"):
        own_requirements.make(base(OLD), ["boto3", "roman"])


def test_an_index_out_of_reach_is_no_fault_of_a_requirement(uv: Callable[..., Uv]) -> None:
    asked = uv("roman", said="error sending request")
    with pytest.raises(Unprovisioned, match="KServe 0\\.10\\.2, since the package index"):
        own_requirements.make(base(OLD), ["roman"])
    assert len(asked.asked) == 1


def test_it_is_an_environment_of_its_own(uv: Callable[..., Uv]) -> None:
    uv()
    lock = base(OLD)
    folders = {
        provision._folder(each, Path("/bin/sh"))
        for each in (lock, own_requirements.make(lock, ["roman"]))
    }
    assert len(folders) == 2


def test_a_cache_key_of_a_shard_changes_with_them() -> None:
    keys = {
        cache_keys.environments(axes.load(), [OLD], each)
        for each in ((), ("roman",), ("boto3", "roman"))
    }
    assert len(keys) == 3


def test_that_of_results_is_taken_from_beside_them_or_made_anew(
    uv: Callable[..., Uv], tmp_path: Path
) -> None:
    uv()
    release, left = base(OLD).release, tmp_path / "locks"
    made = own_requirements.make(base(OLD), ["roman"])
    found = own_requirements.with_digest(release, ["roman"], made.digest, left)
    assert found == made.path
    left.mkdir()
    beside = left / "kserve-0.10.2.txt"
    beside.write_text("# another day's\n" + made.path.read_text())
    digest = given_locks.read(beside, axes.load()).digest
    assert own_requirements.with_digest(release, ["roman"], digest, left) == beside
    with pytest.raises(LockError, match="isn't the one of the results \\(SHA-256 0000"):
        own_requirements.with_digest(release, ["roman"], 64 * "0", left)
