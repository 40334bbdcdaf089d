"""Locks that are given: of one release beside another's packages, and what `run --lock` refuses."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from kserve_conformance.errors import DataFileError

from matrix.environments import given_locks, hybrid, locking, provision
from matrix.environments.locking import Lock
from matrix.planning import axes
from matrix.planning.plan import PlanError
from tests.matrix import runs

DATED = "{python} {repository}/tests/matrix/running/dated_wrapper.py"


@pytest.fixture
def lock_of() -> Callable[[str], Lock]:
    """Give the kept lock of a release."""
    return lambda release: locking.find(axes.load().release(release))


@pytest.fixture
def in_a_cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what is made away from the cache of this machine."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))


def make(kserve: Lock, packages: Lock, python: str = "3.9") -> Lock:
    return hybrid.make(kserve, packages, python, axes.load())


@pytest.mark.usefixtures("in_a_cache_of_its_own")
def test_a_hybrid_has_kserve_of_one_release_and_the_packages_of_the_other(
    lock_of: Callable[[str], Lock],
) -> None:
    old, new = lock_of("0.10.2"), lock_of("0.11.0")
    pins = make(new, old).pins()
    assert pins["kserve"] == "0.11.0"
    for name, version in pins.items():
        if name != "kserve":
            assert version == old.pins().get(name, new.pins().get(name)), name
    assert pins.keys() == old.pins().keys() | new.pins().keys()
    assert pins["fastapi"] == old.pins()["fastapi"] != new.pins()["fastapi"]


@pytest.mark.usefixtures("in_a_cache_of_its_own")
def test_a_hybrid_keeps_every_hash_of_its_pins(lock_of: Callable[[str], Lock]) -> None:
    old, new = lock_of("0.13.0"), lock_of("0.13.1")
    written = make(old, new, "3.11").path.read_text()
    for lock, package in ((old, "kserve"), (new, "orjson")):
        entry = next(each for each in entries(lock) if each.startswith(f"{package}=="))
        assert entry in written
        assert entry.count("--hash=sha256:") > 0
    assert len(entries(make(old, new, "3.11"))) == len(old.pins().keys() | new.pins().keys())


def entries(lock: Lock) -> list[str]:
    """Cut a lock into its pins, in another way than the code does."""
    body = "\n".join(line for line in lock.path.read_text().splitlines() if line[:1] != "#")
    return body.strip().replace("\n ", "\0 ").replace("\n", "\1").replace("\0", "\n").split("\1")


@pytest.mark.usefixtures("in_a_cache_of_its_own")
def test_a_hybrid_is_installed_as_its_pins_are(tmp_path: Path) -> None:
    old = written(tmp_path / "old.txt", "2022-01-01", "alone, shared", "kserve==0.10.2\nalone==1")
    new = written(
        tmp_path / "new.txt", "2023-01-01", "other", "kserve==0.11.0\nshared==2\nother==1"
    )
    release = make(old, new, "3.10").release
    assert release.release == "0.10.2"
    assert release.python == "3.10"
    assert release.cut_off == new.release.cut_off
    assert release.from_source == ("alone", "other"), "the shared one has a wheel by now"


def written(path: Path, cut_off: str, from_source: str, pins: str) -> Lock:
    """Write a lock and read it."""
    path.write_text(
        "# Valid for: CPython 3.9 on Linux, x86_64, glibc\n"
        f"# Cut-off: {cut_off}T00:00:00Z\n"
        f"# From source: {from_source}\n\n{pins}\n"
    )
    return given_locks.read(path, axes.load())


@pytest.mark.usefixtures("in_a_cache_of_its_own")
def test_making_a_hybrid_again_gives_the_same(lock_of: Callable[[str], Lock]) -> None:
    old, new = lock_of("0.10.2"), lock_of("0.11.0")
    assert make(old, new) == make(old, new)
    assert make(old, new).digest != make(new, old).digest


def test_the_packages_that_differ_are_told_without_kserve(lock_of: Callable[[str], Lock]) -> None:
    differing = hybrid.differing(lock_of("0.13.0"), lock_of("0.13.1"))
    assert differing["orjson"] == ("3.10.5", "3.10.7")
    assert "kserve" not in differing
    assert all(old != new for old, new in differing.values())


def test_a_kept_lock_can_be_given_too(lock_of: Callable[[str], Lock]) -> None:
    kept = lock_of("0.10.2")
    given = given_locks.read(kept.path, axes.load())
    assert given.digest == kept.digest == hashlib.sha256(kept.path.read_bytes()).hexdigest()
    for member in ("release", "python", "cut_off", "from_source"):
        assert getattr(given.release, member) == getattr(kept.release, member)


HEADER = (
    "# Valid for: CPython 3.9 on Linux, x86_64, glibc\n"
    "# Cut-off: 2024-01-01T00:00:00Z\n"
    "# From source: nothing\n"
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kserve==0.13.1\n", "its header doesn't say what it is valid for"),
        (HEADER, "holds no KServe SDK"),
        (f"{HEADER}kserve==0.7.0\n", "KServe '0.7.0' is not in axes.toml"),
        (None, "can't be read"),
    ],
)
def test_what_is_no_lock_is_refused_with_its_name(
    tmp_path: Path, text: str | None, says: str
) -> None:
    path = tmp_path / "given.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataFileError, match=r"given\.txt") as refused:
        given_locks.read(path, axes.load())
    assert says in str(refused.value)


def test_two_locks_of_one_release_are_refused(lock_of: Callable[[str], Lock]) -> None:
    path = str(lock_of("0.13.1").path)
    with pytest.raises(PlanError, match=r"is of KServe 0\.13\.1, as "):
        given_locks.of_run([path, path], axes.load(), ["0.13.1"])


def test_a_lock_of_a_release_that_is_not_run_is_wrong_usage(
    tmp_path: Path, lock_of: Callable[[str], Lock]
) -> None:
    ran = runs.run(
        tmp_path,
        *("--kserve=0.9.0", "--protocol=v3", "--runtime=process", "--jobs=1"),
        f"--lock={lock_of('0.13.1').path}",
        given=runs.nowhere(),
    )
    assert ran.exit_code == 2, ran.output
    assert "is of KServe 0.13.1, which this run doesn't have" in ran.output
    assert "Traceback" not in ran.output


@pytest.mark.integration
def test_a_hybrid_runs_and_the_results_name_its_lock(
    tmp_path: Path, lock_of: Callable[[str], Lock]
) -> None:
    lock = make(lock_of("0.13.1"), lock_of("0.13.0"), "3.11")
    python = provision.of_lock(lock).python
    assert installed(python, "kserve") == "0.13.1"
    assert installed(python, "orjson") == lock_of("0.13.0").pins()["orjson"]
    ran = runs.run(
        tmp_path,
        *("--kserve=0.13.1", "--protocol=v1", "--runtime=process", "--jobs=1"),
        *("--check=v1-transport", f"--lock={lock.path}"),
        # The kept lock of 0.13.1 has orjson 3.10.7.
        f"--wrapper={DATED} --breaks-with orjson=3.10.7",
        given=runs.nowhere(),
    )
    assert ran.verdicts() == {"v1-transport": {"passed"}}, ran.output
    assert ran.results.header.locks == {"0.13.1": lock.digest}
    interpreters = {record.evidence["interpreter"] for record in ran.results.records}
    assert {each.replace("~", str(Path.home()), 1) for each in interpreters} == {str(python)}


def installed(python: Path, package: str) -> str:
    """Ask an environment for the version of a package."""
    question = f"import importlib.metadata as m; print(m.version({package!r}))"
    ran = subprocess.run(
        [python, "-c", question], capture_output=True, text=True, check=True, timeout=60
    )
    return ran.stdout.strip()
