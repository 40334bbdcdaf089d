"""The statements, their checks, their page, and their frozen sets belong together."""

from __future__ import annotations

from pathlib import Path

import pytest
from kserve_conformance import VERSION, catalogue, checks, page, requirements
from kserve_conformance.catalogue import Level
from kserve_conformance.errors import DataFileError

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


OF_THE_PROTOCOL = {"explain", "versions"}


def test_what_a_statement_is_from_fits_what_it_is_about() -> None:
    """A MUST of a protocol is of its own profiles, and an extension's text has no other statements.

    What a text of neither says, such as HTTP's, holds for a server and for an extension.
    """
    profiles = {"v1": {"v1"}, "open-inference-protocol": {"v2", "grpc"}, "grpc": {"grpc"}}
    for each in catalogue.load().values():
        name = each.family.name
        assert each.profile in profiles.get(name, {each.profile}), each.id
        assert name != "extension" or each.feature, each.id
        if each.feature and each.feature not in OF_THE_PROTOCOL:
            assert name not in profiles, each.id


def test_only_a_protocol_decides_what_conforms() -> None:
    deciding = {
        each.family.name
        for each in catalogue.load().values()
        if each.level is Level.MUST and each.decides
    }
    assert deciding == {"open-inference-protocol", "v1"}


def test_the_next_set_says_of_each_what_decides(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A family that changes its mind later doesn't change the verdicts of a frozen version."""
    monkeypatch.setattr(requirements, "FOLDER", tmp_path)
    frozen, was = requirements.frozen(VERSION), requirements.load(VERSION)
    (tmp_path / f"{VERSION}.json").write_text(frozen)
    assert requirements.load(VERSION) == was
    (tmp_path / f"{VERSION}.json").write_text(frozen.replace('"http"', '"htpp"'))
    with pytest.raises(DataFileError, match="no family 'htpp': did you mean 'http'"):
        requirements.load(VERSION)


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
