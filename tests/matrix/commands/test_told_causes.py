"""A wrapper that ends in two ways gives two findings, each with its cause, whoever tells them."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from kserve_conformance.results.record import Run
from kserve_conformance.results.results_file import Writer
from kserve_conformance.results.verdict import Verdict

from matrix.commands import cli
from tests.matrix import runs
from tests.matrix.given_torchserve import PYTHON

ENDED = "the wrapper ended with exit code 1 before it was ready"
CAUSES = {
    "0.9.0": "ModuleNotFoundError: No module named 'orjson_of_nobody'",
    "0.13.1": "FileNotFoundError: [Errno 2] No such file or directory: '/mnt/models/of-nobody'",
}
# Two folders that are lacking differ behind the number of the error alone.
_OTHER_FOLDER = {**CAUSES, "0.9.0": CAUSES["0.13.1"].replace("models", "store")}
WRAPPER = """\
import os
from pathlib import Path

if "late-0.9.0-" in Path(os.environ["CONFIG_PATH"]).read_text():
    import orjson_of_nobody
os.listdir("/mnt/models/of-nobody")
"""


@pytest.mark.parametrize("causes", [CAUSES, _OTHER_FOLDER], ids=["two kinds", "two folders"])
@pytest.mark.parametrize(
    "form",
    [f"{ENDED}; the end of its log:\n{{log}}", f"{ENDED}: {{cause}}\n{{log}}"],
    ids=["then", "now"],
)
def test_each_cause_is_one_finding(
    form: str, causes: dict[str, str], two: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = _write(_ended(two, form, causes), tmp_path)
    _check(results, causes, capsys)


def test_a_wrapper_that_really_ends_in_two_ways(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrapper = tmp_path / "wrapper.py"
    wrapper.write_text(WRAPPER)
    ran = runs.run(
        tmp_path / "out",
        f"--wrapper={sys.executable} {wrapper}",
        *(f"--kserve={release}" for release in CAUSES),
        *("--protocol=v1", "--check=starts", "--runtime=process", "--jobs=1"),
        given=runs.nowhere(),
        more={PYTHON: sys.executable, "PYTEST_ADDOPTS": "-p tests.matrix.given_torchserve"},
    )
    assert ran.exit_code == 1, ran.output
    _check_told(ran.output.partition("PROTOCOL_VERSION by")[2], CAUSES)
    _check(ran.folder / "results.jsonl", CAUSES, capsys)


def _ended(run: Run, form: str, causes: dict[str, str]) -> Run:
    """Give a run of one check, in which the wrapper ended with the cause of its release."""
    records = []
    for record in run.records:
        if record.check == "starts":
            cause = causes[record.axes["kserve"]]
            frame = f'  File "/srv/{record.cell}/wrapper.py", line 9, in <module>'
            log = f"Traceback (most recent call last):\n{frame}\n    start()\n{cause}\n"
            message = form.format(cause=cause, log=log)
            records.append(replace(record, verdict=Verdict.FAILED, message=message))
    header = replace(run.header, planned={cell: ["starts"] for cell in run.header.planned})
    return replace(run, header=header, records=records)


def _write(run: Run, folder: Path) -> Path:
    path = folder / "results.jsonl"
    writer = Writer(path, run.header)
    for record in run.records:
        writer.record(record)
    assert run.footer is not None
    writer.finish(run.footer.ended, run.footer.seconds)
    return path


def _check(results: Path, causes: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Have everything told that is told of results, and look for the two causes."""

    def printed(command: str, *options: str) -> str:
        assert cli.main([command, str(results), *options]) in (0, 1)
        return capsys.readouterr().out

    _check_told(printed("summary"), causes)
    _check_told(printed("gate", "--all"), causes)
    printed("report")
    _check_told(results.with_name("report.md").read_text(), causes)
    page = results.with_name("report.html").read_text()
    _check_told(html.unescape(page), causes)
    data = re.search(r'id="data">([^<]*)<', page)
    assert data is not None
    texts = json.loads(gzip.decompress(base64.b64decode(data[1])))["texts"]
    firsts = {text.partition("\n")[0] for text in texts if text.startswith(ENDED)}
    assert firsts == {f"{ENDED}: {cause}" for cause in causes.values()}
    failures = ElementTree.parse(results.with_name("junit.xml")).iter("failure")
    told = {(each.attrib["message"], "Traceback" in str(each.text)) for each in failures}
    assert told == {(f"{ENDED}: {cause}", True) for cause in causes.values()}


def _check_told(text: str, causes: dict[str, str]) -> None:
    for cause in causes.values():
        assert text.count(f"{ENDED}: {cause}") == 1, text
    assert text.count(ENDED) == len(causes), text
