"""The statements, their checks, their page, and their frozen sets belong together."""

from __future__ import annotations

from pathlib import Path

import pytest
from kserve_conformance import VERSION, catalogue, checks, page, requirements
from kserve_conformance.catalogue import Level

PAGE = Path(__file__).resolve().parents[2] / "docs" / "statements.md"


def test_each_statement_has_a_check_and_each_check_a_statement() -> None:
    assert checks.all_checks().keys() == catalogue.load().keys()


def test_there_are_enough_statements() -> None:
    assert len(catalogue.load()) >= 120


def test_the_page_is_that_of_the_catalogue() -> None:
    assert PAGE.read_text(encoding="utf-8") == page.text(), f"kserve-conformance page --out {PAGE}"


def test_each_version_but_the_current_one_is_frozen() -> None:
    """The current one is under development until it is frozen, too, and newer than the others."""
    frozen = requirements.versions()
    since = {each.since for each in catalogue.load().values()}
    assert since == {*frozen, VERSION}
    assert VERSION in (frozen[-1], max(since, key=lambda each: [*map(int, each.split("."))]))


def test_no_statement_of_an_extension_is_a_must() -> None:
    """Servers that don't offer it are judged by none of its statements."""
    for each in catalogue.load().values():
        assert each.feature is None or each.level is not Level.MUST, each.id


@pytest.mark.parametrize("version", requirements.versions())
def test_a_frozen_set_is_what_the_catalogue_had_then(version: str) -> None:
    """A new statement needs a newer 'since'; an old one keeps its sentence and its level."""
    frozen = requirements.load(version)
    now = {each.id: each for each in requirements.of_version(version)}
    assert now.keys() == frozen.keys()
    for each in frozen.values():
        statement = now[each.id]
        assert (statement.level, statement.profile, statement.feature, statement.sentence) == (
            each.level,
            each.profile,
            each.feature,
            each.sentence,
        )
