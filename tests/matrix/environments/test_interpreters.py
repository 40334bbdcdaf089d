"""Interpreters: found where they are, run before they are believed, told when lacking."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kserve_conformance.results.verdict import Unprovisioned

from matrix.environments import interpreters, uv_tool
from matrix.environments.uv_tool import UvFailed

# A version that no machine has, so that only what a test lays out can be found.
PYTHON = "3.99"


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take pyenv, PATH and uv's Pythons away; uv's downloads fail for want of network."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setattr(uv_tool, "run", no_network)
    forget()
    yield
    forget()


def forget() -> None:
    interpreters._install.cache_clear()
    interpreters.installed.cache_clear()


def no_network(*arguments: str | Path, **_: object) -> str:
    raise UvFailed("error: client error (Connect)")


def lay(path: Path, answers: str) -> Path:
    """Put an interpreter at a path that answers with a text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{answers}\n")
    path.chmod(0o755)
    return path


def lay_python(path: Path, version: str = PYTHON) -> Path:
    return lay(path, f"echo CPython {version}; echo {path}")


def test_finds_one_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = lay_python(tmp_path / "bin" / f"python{PYTHON}")
    monkeypatch.setenv("PATH", str(python.parent))
    assert interpreters.find(PYTHON) == python


def test_finds_one_of_pyenv_behind_a_shim_that_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = lay(tmp_path / "shims" / f"python{PYTHON}", "echo 'pyenv: command not found'; exit 127")
    monkeypatch.setenv("PATH", str(shim.parent))
    python = lay_python(tmp_path / "pyenv" / "versions" / f"{PYTHON}.1" / "bin" / f"python{PYTHON}")
    assert interpreters.find(PYTHON) == python


def test_finds_one_of_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = lay_python(tmp_path / "uv" / "python")

    def uv_has_it(*arguments: str | Path, **_: object) -> str:
        assert "find" in arguments, "must not install where one is found"
        return f"{python}\n"

    monkeypatch.setattr(uv_tool, "run", uv_has_it)
    assert interpreters.find(PYTHON) == python


def test_has_uv_install_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "uv" / "python"

    def uv_installs(*arguments: str | Path, **_: object) -> str:
        if "install" in arguments:
            lay_python(python)
        elif not python.exists():
            raise UvFailed("no interpreter found")
        return f"{python}\n"

    monkeypatch.setattr(uv_tool, "run", uv_installs)
    assert interpreters.installed(PYTHON) is None
    assert interpreters.find(PYTHON) == python


@pytest.mark.parametrize(
    "answers",
    [
        "echo CPython 3.98; echo /bin/python",
        "echo PyPy 3.99; echo /bin/python",
        "echo CPython 3.99; echo /bin/python; exit 1",
        "echo No module named _ctypes >&2; exit 1",
        "echo",
    ],
    ids=["other version", "no CPython", "fails", "incomplete", "says nothing"],
)
def test_one_that_does_not_answer_rightly_is_not_taken(
    answers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = lay(tmp_path / "bin" / f"python{PYTHON}", answers)
    monkeypatch.setenv("PATH", str(python.parent))
    assert interpreters.installed(PYTHON) is None


def test_one_that_cannot_be_executed_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = lay_python(tmp_path / "bin" / f"python{PYTHON}")
    python.write_text("neither a script nor a program")
    monkeypatch.setenv("PATH", str(python.parent))
    assert interpreters.installed(PYTHON) is None


def test_lacking_one_is_unprovisioned_and_says_what_to_install() -> None:
    with pytest.raises(Unprovisioned) as raised:
        interpreters.find(PYTHON)
    sentence = str(raised.value)
    assert sentence.startswith("Python 3.99 is lacking: it is neither on PATH nor among pyenv's")
    assert "uv can't download one: it can't be reached" in sentence
    assert "`uv python install 3.99`" in sentence


def test_a_download_that_failed_is_not_tried_for_every_release(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[str] = []

    def fail(*arguments: str | Path, **_: object) -> str:
        tries.append(str(arguments[1]))
        raise UvFailed("dns error")

    monkeypatch.setattr(uv_tool, "run", fail)
    for _ in range(3):
        with pytest.raises(Unprovisioned):
            interpreters.find(PYTHON)
    assert tries.count("install") == 1


def test_the_own_interpreter_is_found_without_path_and_outside_its_venv() -> None:
    own = interpreters.find(f"{sys.version_info[0]}.{sys.version_info[1]}")
    assert own == Path(getattr(sys, "_base_executable", sys.executable))
