"""What the tests of others assert is asked by statements of this suite: conformance/others/."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from kserve_conformance import catalogue, datafile
from kserve_conformance.errors import DataFileError

from tests import pages

FOLDER = Path(__file__).resolve().parents[2] / "conformance" / "others"
TABLE = FOLDER / "tests.toml"
SCHEMA = FOLDER / "tests.schema.json"
# Of the tests, this share has to be asked by statements.
MAPPED = 0.95
PAGE = "conformance.md"

Project = Mapping[str, Any]
PROJECTS: list[Project] = datafile.read(TABLE, SCHEMA)["projects"]


def _files() -> Iterator[tuple[Project, Mapping[str, Any]]]:
    for project in PROJECTS:
        for file in project["files"]:
            yield project, file


def _of(member: str) -> dict[tuple[str, str, str], Any]:
    """Give what stands in a member of the files, by project, path and test."""
    return {
        (project["name"], file["path"], name): value
        for project, file in _files()
        for name, value in file.get(member, {}).items()
    }


def test_each_statement_that_is_named_is_one() -> None:
    named = set(chain.from_iterable(_of("statements").values()))
    assert named <= catalogue.load().keys(), sorted(named - catalogue.load().keys())


def test_almost_all_tests_are_asked_by_statements() -> None:
    mapped, left = _of("statements"), _of("left")
    assert not mapped.keys() & left.keys()
    share = len(mapped) / (len(mapped) + len(left))
    assert share >= MAPPED, f"{share:.1%}"


def test_what_is_expected_otherwise_is_mapped() -> None:
    assert _of("otherwise").keys() <= _of("statements").keys()


def test_each_file_is_there_once() -> None:
    seen = [(project["name"], file["path"]) for project, file in _files()]
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"TestModel.test_validate" = ["V1-PREDICT-015"]', '"TestModel.test_validate" = []'),
        ('"It asks which event loop the SDK starts its server with."', '""'),
        ('commit = "', 'commit = "v'),
        ('"TestModel.test_validate"', '"a test of theirs"'),
    ],
)
def test_a_table_that_says_less_is_refused(old: str, new: str, tmp_path: Path) -> None:
    text = TABLE.read_text(encoding="utf-8")
    assert old in text
    wrong = tmp_path / "tests.toml"
    wrong.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(DataFileError):
        datafile.read(wrong, SCHEMA)


def test_the_page_counts_them() -> None:
    rows = [
        (
            project["name"],
            f"[{file['path']}]({project['repository']}/blob/{project['commit']}/{file['path']})",
            str(len(file.get("statements", {})) + len(file.get("left", {}))),
            str(len(file.get("left", {}))),
            str(len(set(chain.from_iterable(file.get("statements", {}).values())))),
        )
        for project, file in _files()
    ]
    mapped, left = len(_of("statements")), len(_of("left"))
    named = len(set(chain.from_iterable(_of("statements").values())))
    rows.append(("all", "", str(mapped + left), str(left), str(named)))
    heads = ("project", "tests", "names", "left", "statements")
    pages.hold(PAGE, "tests of others", pages.table(heads, rows))


@pytest.mark.parametrize(
    ("part", "member", "head"),
    [
        ("what they expect otherwise", "otherwise", "what it expects otherwise"),
        ("what no statement asks for", "left", "why no statement asks for it"),
    ],
)
def test_the_page_tells_what_differs(part: str, member: str, head: str) -> None:
    rows = ((project, f"`{name}`", told) for (project, _, name), told in _of(member).items())
    pages.hold(PAGE, part, pages.table(("project", "test", head), rows))
