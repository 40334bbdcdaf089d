"""A wrapper that isn't ours, on real environments: with what it requires, and as in a pod."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from matrix.environments import locking, provision
from matrix.planning import axes
from matrix.running import pod_files, ports
from tests.matrix import runs

pytestmark = pytest.mark.integration

OLD, NEW = "0.10.2", "0.21.0"
NEEDY = "{python} {repository}/tests/matrix/running/needy_wrapper.py"


def run(folder: Path, *arguments: str, wrapper: str = NEEDY) -> runs.Ran:
    """Run it where TorchServe is never reached."""
    return runs.run(
        folder,
        *("--runtime=process", "--protocol=v1", "--check=starts", "--jobs=1"),
        f"--wrapper={wrapper}",
        *arguments,
        given=runs.nowhere(),
    )


def test_it_is_installed_on_each_release_and_no_release_is_altered(tmp_path: Path) -> None:
    at_pods = [] if pod_files.only_where_named() else ["--pod-paths"]
    ran = run(
        tmp_path,
        *(f"--kserve={OLD}", f"--kserve={NEW}", "--with=roman"),
        wrapper=" ".join([NEEDY, *at_pods]),
    )
    assert ran.verdicts() == {"starts": {"passed"}}, ran.output
    header = ran.results.header
    assert header.requirements == ["roman"]
    assert header.pod_paths is bool(at_pods)
    for release in (OLD, NEW):
        left = tmp_path / "locks" / f"kserve-{release}.txt"
        assert header.locks[release] == hashlib.sha256(left.read_bytes()).hexdigest()
        alone = provision.of_lock(locking.find(axes.load().release(release)))
        assert list(alone.python.parent.parent.glob("lib/*/site-packages/roman*")) == []


def test_without_its_requirement_it_does_not_start(tmp_path: Path) -> None:
    ran = run(tmp_path, f"--kserve={OLD}")
    assert ran.verdicts() == {"starts": {"failed"}}, ran.output
    assert "No module named 'roman'" in ran.results.records[0].message


def test_what_a_release_cant_have_is_unprovisioned_there(tmp_path: Path) -> None:
    ran = run(tmp_path, f"--kserve={OLD}", "--with=roman", "--with=numpy>=2")
    assert ran.verdicts() == {"starts": {"unprovisioned"}}, ran.output
    assert ran.exit_code == 3
    assert ran.results.header.locks == {OLD: None}
    message = ran.results.records[0].message
    assert message.startswith(
        "KServe 0.10.2 can't have the wrapper's requirement numpy>=2 beside its lock, as of "
        "2023-07-16"
    )
    assert "\n" not in message


def test_ports_of_its_own_are_told_and_then_asked(tmp_path: Path) -> None:
    own = "{},{}".format(*ports.free(2))
    wrapper = f"{NEEDY} --own-ports {own}"
    ran = run(tmp_path, f"--kserve={OLD}", "--with=roman", wrapper=wrapper)
    assert ran.verdicts() == {"starts": {"failed"}}, ran.output
    told = f"serves on port {own.partition(',')[0]}, whatever --http_port says: run it with --ports"
    assert told in ran.results.records[0].message
    named = [f"--kserve={OLD}", "--with=roman", f"--ports={own}"]
    ran = run(tmp_path, *named, wrapper=wrapper)
    assert ran.verdicts() == {"starts": {"passed"}}, ran.output
    assert ran.results.header.wrapper["ports"] == own
    ran = run(tmp_path, *named, "--jobs=2", wrapper=wrapper)
    assert ran.exit_code == 2
    assert "--jobs 2 and --ports" in ran.output
