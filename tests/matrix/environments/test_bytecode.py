"""An environment takes over the bytecode of files that it shares with others, and no other."""

from __future__ import annotations

import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from matrix.environments import bytecode

_HERE = f"python3.{sys.version_info.minor}"
_FAILS = "def fail():\n    raise ValueError\n"


def _environment(folder: Path, source: Path, python: str = _HERE) -> Path:
    """Make an environment with a package of one file, which is linked as uv does."""
    package = folder / "lib" / python / "site-packages" / "package"
    package.mkdir(parents=True)
    (package / "module.py").hardlink_to(source)
    return package


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "archive.py"
    file.write_text(_FAILS)
    return file


def test_an_interpreter_uses_what_was_compiled_beside_it(tmp_path: Path, source: Path) -> None:
    beside = _environment(tmp_path / "all" / "used", source)
    theirs = Path(py_compile.compile(str(beside / "module.py"), doraise=True) or "")
    package = _environment(tmp_path / "all" / "made", source)
    assert bytecode.adopt(tmp_path / "all" / "made") == 1
    own = package / "__pycache__" / theirs.name
    assert own.samefile(theirs)
    told = subprocess.run(
        [sys.executable, "-v", "-c", "import module; module.fail()"],
        cwd=package,
        capture_output=True,
        text=True,
    )
    assert f"matches {package / 'module.py'}" in told.stderr
    assert f'File "{package / "module.py"}", line 2, in fail' in told.stderr
    assert own.samefile(theirs)


def test_nothing_is_taken_for_another_file_or_python(tmp_path: Path, source: Path) -> None:
    everywhere = tmp_path / "all"
    other = tmp_path / "other.py"
    other.write_text(_FAILS)
    for name, file, python in (("file", other, _HERE), ("python", source, "python3.1")):
        package = _environment(everywhere / name, file, python)
        compiled = package / "__pycache__" / f"module.cpython-{python[6:].replace('.', '')}.pyc"
        py_compile.compile(str(package / "module.py"), str(compiled), doraise=True)
    _environment(everywhere / "never-used", source)
    (everywhere / "locks").mkdir()
    _environment(everywhere / "made", source)
    assert bytecode.adopt(everywhere / "made") == 0
    assert not list((everywhere / "made").rglob("*.pyc"))


def test_what_is_compiled_already_stays(tmp_path: Path, source: Path) -> None:
    for name in ("used", "made"):
        package = _environment(tmp_path / "all" / name, source)
        compiled = Path(py_compile.compile(str(package / "module.py"), doraise=True) or "")
    before = compiled.stat().st_ino
    assert bytecode.adopt(tmp_path / "all" / "made") == 0
    assert compiled.stat().st_ino == before
