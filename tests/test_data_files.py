"""A typo in any of the project's data files: its file, its place, what to write, exit code 2."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kserve_conformance import catalogue, requirements
from kserve_conformance.commands.cli import main as conformance_main
from kserve_conformance.errors import ExitCode

from drill import gateway, rows
from drill.commands.cli import main as drill_main
from fixtures import payloads
from fixtures.torchserve import releases
from matrix.commands.cli import main as matrix_main
from matrix.environments import roster
from matrix.planning import axes, expectations, policy
from matrix.running import exchanges

Main = Callable[[Sequence[str]], int]
_RUN = ("run", "--list")
_CELL = "kserve-0.9.0.txt"


@dataclass(frozen=True)
class Kind:
    """A data file, the command that reads it, and where that looks for it.

    Attributes:
        module: what knows where the file is, in ``attribute``: the file or its folder.
        name: the file's name in that folder; empty where the attribute is the file.
    """

    main: Main
    arguments: tuple[str, ...]
    module: object
    attribute: str
    name: str = ""


KINDS = {
    "axes": Kind(matrix_main, _RUN, axes, "FILE"),
    "expectations": Kind(matrix_main, _RUN, expectations, "FILE"),
    "exchanges": Kind(matrix_main, _RUN, exchanges, "FILE"),
    "policy": Kind(matrix_main, (*_RUN, "--policy", "{file}"), policy, "FILE"),
    "roster": Kind(matrix_main, ("peers", "--peer", "none"), roster, "FILE"),
    "releases": Kind(matrix_main, _RUN, releases, "FILE"),
    "payload v1": Kind(matrix_main, _RUN, payloads, "FOLDER", "contract-v1.json"),
    "payload v2": Kind(matrix_main, _RUN, payloads, "FOLDER", "digits-v2-image.json"),
    "lock": Kind(matrix_main, ("run", "--kserve", "0.9.0"), axes.KServeRelease, "locks", _CELL),
    "statements": Kind(conformance_main, ("list",), catalogue, "FOLDER", "v1.toml"),
    "sources": Kind(conformance_main, ("list",), catalogue, "FOLDER", "sources.toml"),
    "rows": Kind(drill_main, _RUN, rows, "FILE"),
    "gateways": Kind(drill_main, _RUN, gateway, "FILE"),
    "requirements": Kind(
        conformance_main,
        ("run", "--target", "http://h:9", "--model", "m", "--suite-version", "1.0"),
        requirements,
        "FOLDER",
        "1.0.json",
    ),
}

# What is replaced by what, once, and what is said of it behind the file's name.
TYPOS = {
    "axes": (
        ("cut_off = ", "cut_of = ", "unknown key 'cut_of': did you mean 'cut_off'? allowed: "),
        ('python = "3.', 'python = "4.', "kserve[0].python: '4."),
        ("schema = 1", "schema = 2", "schema: 2 is not known here: write 1"),
        ("schema = 1", "schema 1", "line "),
        ('v1 = "kserve"', 'v1 = "kserv"', "did you mean 'kserve'? allowed: kserve"),
        ("[profile.quick]", "[profile.quik]", "unknown key 'quik': did you mean 'quick'?"),
        ('kserve = ["0.9.0"', 'kserve = ["0.9.9"', "profile.quick: 0.9.9 is no [[kserve]]"),
    ),
    "expectations": (
        ("statement = ", "statment = ", "checks[0]: unknown key 'statment': did you mean"),
        ('transport = "rest"', 'transport = "rst"', "did you mean 'rest'? allowed: rest, grpc"),
        ('{ outcome = "serves" }', '{ outcom = "serves" }', "checks[0].when: outcom = 'serves'"),
        ('"grpc-infer", ', '"grpc-infr", ', "unsupported[0].check: grpc-infr is no check"),
        ('profile = "quick"', 'profile = "quik"', "serves[2].profile: 'quik'"),
        ('profile = "quick"\ncheck', 'profile = "quik"\ncheck', "left_out[0].profile: 'quik'"),
        ('"late-model", "worker', '"late-modl", "worker', "left_out[1].check: late-modl is no"),
    ),
    "exchanges": (
        ("status = 200", 'status = "200"', "'200' is not of type 'integer': write a whole number"),
        ("status = 200", "stats = 200", "unknown key 'stats': did you mean 'status'?"),
        ('check = "health-routes"', 'check = "health-rotes"', "did you mean 'health-routes'?"),
        ('check = "health-routes"', 'check = "grpc-about"', "http[0].check: 'grpc-about' isn't a"),
        (
            'check = "grpc-about"',
            'check = "health-routes"',
            "'health-routes' isn't a check of gRPC",
        ),
        ('call = "ServerLive"', 'call = "ServerLiv"', "did you mean 'ServerLive'? allowed: "),
        ('/v1/models/$late"', '/v1/models/$lat"', "'lat': the words are $late"),
    ),
    "policy": (
        ("least_coverage = ", "least_coverge = ", "evidence: unknown key 'least_coverge': did you"),
        ('cut_short = "block"', 'cut_short = "blck"', "did you mean 'block'? allowed: block, warn"),
        ('first = ["starts"', 'first = ["strats"', "verdicts.first: strats is no check"),
        ("most_days = ", "# most_days = ", "'most_days' is a required property: add it, a whole"),
    ),
    "roster": (
        ('kind = "mlserver"', 'kind = "mlsrver"', "did you mean 'mlserver'? allowed: kserve-sdk"),
        ("title = ", "titel = ", "peer[0]: unknown key 'titel': did you mean 'title'?"),
        ("release = ", "release ", "line "),
    ),
    "releases": (
        ("also = ", "aslo = ", "releases.0.12.0: unknown key 'aslo': did you mean 'also'?"),
        ('"torch==', '"torch=', "common[0]: 'torch=2"),
        ('releases."0.8.2"', 'releases."0.8.3"', "releases: axes.toml offers TorchServe 0.8.2"),
    ),
    "payload v1": (
        ('"instances"', '"instnaces"', "unknown key 'instnaces': did you mean 'instances'?"),
        ('"request": {', '"request": ', "line 3 column"),
    ),
    "payload v2": (
        ('"BYTES"', '"BYTE"', "request.inputs[0].datatype: 'BYTE' is not one of these: did you"),
        ('"datatype"', '"datatyp"', "unknown key 'datatyp': did you mean 'datatype'?"),
        ('"request"', '"requst"', "unknown key 'requst': did you mean 'request'?"),
    ),
    "rows": (
        ('fault = "kill_worker"', 'fault = "kill_wrker"', "did you mean 'kill_worker'? allowed: "),
        ("wanted_in_words", "wanted_in_word", "did you mean 'wanted_in_words'?"),
        ('"worker-crashed"', '"worker-killed"', "row[1]: name 'worker-killed' is there twice"),
        ("most = 0", 'most = "0"', "row[0].wanted[0].most: '0' is not of type 'number': write a"),
        ("schema = 1", "schema 1", "line "),
    ),
    "gateways": (
        ("sends_again", "sends_agin", "gateway[0]: unknown key 'sends_agin': did you mean 'sends"),
        ("times = 2", "times = 0", "gateway[0].times: 0 is less than the minimum of 1"),
    ),
    "lock": (
        ("    --hash=sha256:", "    --hsh=sha256:", "line 9: "),
        ("adal==", "adal=", "line 8: 'adal=1"),
        ("# Inputs: sha256:", "# Inputs: sha256:0", "is out of date with axes.toml"),
    ),
    "statements": (
        ("usual_cause = ", "usul_cause = ", "statements[0]: unknown key 'usul_cause': did you"),
        ('level = "MUST"', 'level = "MUS"', "did you mean 'MUST'? allowed: MUST, SHOULD"),
        ('text = "v1-protocol"', 'text = "v1-protcol"', "sources.toml has no 'v1-protcol': did"),
        ('since = "1.0"', "since = 1.0", "1.0 is not of type 'string': write a text in quotes"),
    ),
    "sources": (
        ("title = ", "titel = ", "unknown key 'titel': did you mean 'title'?"),
        ("https://", "http://", "'http://"),
    ),
    "requirements": (
        ('"level": "MUST"', '"level": "MUT"', "did you mean 'MUST'? allowed: MUST, SHOULD"),
        ('"sentence"', '"sentnce"', "unknown key 'sentnce': did you mean 'sentence'?"),
        ('"V2-BINARY-001"', '"V2-BNARY-001"', "requirements[0].id: the catalogue has no"),
        ('"requirements": [', '"requirements": ', "line "),
    ),
}


@pytest.mark.parametrize(
    ("kind", "typo"),
    [(kind, typo) for kind, typos in TYPOS.items() for typo in typos],
    ids=[f"{kind}: {typo[1]}" for kind, typos in TYPOS.items() for typo in typos],
)
def test_a_typo_is_told_with_its_file_and_place_and_is_the_users_to_mend(
    kind: str,
    typo: tuple[str, str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    right, wrong, said = typo
    file = copied(KINDS[kind], tmp_path, monkeypatch)
    text = file.read_text(encoding="utf-8")
    assert right in text
    file.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    told = told_by(KINDS[kind], file, tmp_path, capsys)
    assert said in told
    assert file.name in told


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not KINDS[kind].name])
def test_a_missing_file_is_told(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = copied(KINDS[kind], tmp_path, monkeypatch)
    file.unlink()
    assert f"{file} can't be read: No such file" in told_by(KINDS[kind], file, tmp_path, capsys)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_as_it_is_is_not_held_against_the_user(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if kind in ("lock", "requirements", "roster"):
        # The command would go on, to run a cell and to ask a server.
        return
    file = copied(KINDS[kind], tmp_path, monkeypatch)
    arguments = [word.format(file=file) for word in KINDS[kind].arguments]
    assert KINDS[kind].main(arguments) == ExitCode.AS_EXPECTED
    assert not capsys.readouterr().err


_CACHED = (catalogue.load, exchanges._document, expectations._loaded)


def copied(kind: Kind, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the command read a copy, and give that of the file."""
    place = Path(getattr(kind.module, kind.attribute))
    if not kind.name:
        copy = folder / place.name
        copy.write_bytes(place.read_bytes())
        _use(kind, copy, monkeypatch)
        return copy
    for path in place.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    _use(kind, folder, monkeypatch)
    return folder / kind.name


def _use(kind: Kind, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind.module, kind.attribute, place)
    # A default of an argument was taken when its function was made.
    for name in ("load", "check"):
        function: Any = getattr(kind.module, name, None)
        function = getattr(function, "__wrapped__", function)
        defaults = getattr(function, "__defaults__", None)
        if defaults:
            here = tuple(place if isinstance(each, Path) else each for each in defaults)
            monkeypatch.setattr(function, "__defaults__", here)
    for cached in _CACHED:
        cached.cache_clear()


def told_by(kind: Kind, file: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Run the command, which has to end with exit code 2, and give what it says."""
    arguments = [word.format(file=file) for word in kind.arguments]
    out = ["--out", str(folder / "out")] if arguments[0] == "run" else []
    assert kind.main([*arguments, *out]) == ExitCode.WRONG_USAGE
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    return told


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    for cached in _CACHED:
        cached.cache_clear()
