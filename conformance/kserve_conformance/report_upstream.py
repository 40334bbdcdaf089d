"""From a departure of a run to the text of an issue for the project whose server departs.

It stands on its own: whoever reads it has neither the suite nor the service that was judged, whose
address and credentials are nobody's business there.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from kserve_conformance import catalogue
from kserve_conformance.catalogue import Statement
from kserve_conformance.errors import WrongUsage
from kserve_conformance.results import results_file
from kserve_conformance.results.record import Record, Run
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.run_folder import CLAIM, RESULTS
from kserve_conformance.text import gfm
from kserve_conformance.text.redaction import without_secrets

MOST_LINES = 60
# Of an answer, so that all else has room.
_ANSWER_LINES, _ANSWER_LETTERS = 24, 1500
_MESSAGE_LETTERS = 400
HTTP, GRPC = "localhost:8080", "localhost:8081"
# What a claim tells of packages, by the beginnings of its lines.
_SURROUNDINGS = ("It ran with ", "Judged with ")
_WORD = r"(?:'[^']*'|[^\s']+)"
# Options by which a service was reached, and what the suite says of itself in each request.
_REACHED_BY = re.compile(
    rf" (?:--(?:cacert|cert|key|connect-to|proxy)|-(?:cacert|cert|key|authority)) {_WORD}"
    rf"| --proxytunnel| --http1\.1| -H @{_WORD}"
    r"| -H (?:\"\$\(sed [^\"]*\)\"|'(?:host|user-agent|x-request-id): [^']*')"
    r"|^HTTPS_PROXY=\S+ "
)
_SECRET_HEADER = re.compile(r" -H '[^':]+: \*\*\*'")


class ReportError(WrongUsage):
    """A departure that can't be reported: there is none, or too little is known of it."""


def fingerprint(server: str, statement: str) -> str:
    """Give what a server's departure from a statement is known by, in whatever release it is.

    Args:
        server: what it is called, with or without its version.
    """
    name = " ".join(word for word in server.lower().split() if not word[:1].isdigit())
    return hashlib.sha256(f"{name} {statement}".encode()).hexdigest()[:12]


def text(folder: Path, statement: str) -> str:
    """Write the issue, at most `MOST_LINES` lines of Markdown; the first is its title.

    Args:
        folder: what a run left, or a file of it.

    Raises:
        ReportError: when the server doesn't depart from the statement, as far as is known.
        ResultsError: when the results can't be read.
    """
    folder = folder if folder.is_dir() else folder.parent
    if not (folder / RESULTS).is_file():
        raise ReportError(
            f"{folder} has no {RESULTS}, which holds what was asked and answered: name the folder "
            "of a run, or judge the server again as its claim says"
        )
    run = results_file.read(folder / RESULTS)
    record = _departure(run, statement, folder)
    lines = _written(run, record, catalogue.load()[statement], _surroundings(folder))
    return _without_places("\n".join(lines), run, record) + "\n"


def _departure(run: Run, statement: str, folder: Path) -> Record:
    failed = [each for each in run.records if each.verdict is Verdict.FAILED]
    for each in failed:
        if each.check == statement and each.evidence.get("exchanges"):
            return each
    known = ", ".join(dict.fromkeys(each.check for each in failed)) or "nothing"
    raise ReportError(f"{statement}: no departure from it in {folder}, but from {known}")


def _written(
    run: Run, record: Record, statement: Statement, surroundings: Sequence[str]
) -> list[str]:
    server = run.header.wrapper["name"] or "a server"
    source = statement.source
    last = record.evidence["exchanges"][-1]
    place = gfm.text(str(source)) + (f" ({source.address})" if source.address else "")
    return [
        f"# {gfm.text(server)}: {gfm.text(statement.sentence)}",
        "",
        (
            f"Found {run.header.started[:10]} with {gfm.text(server)}"
            f" by kserve-conformance {run.header.suite}."
        ),
        *surroundings,
        "",
        "## Expected",
        "",
        f"{gfm.text(statement.sentence)} ({statement.level})",
        "",
        f"Source: {place}.",
        "",
        "## Asked",
        "",
        *gfm.block(for_anybody(last["request"], record.axes.get("target", "")), "sh"),
        "",
        "## Answered",
        "",
        *gfm.block(_shortened(last["response"].rstrip())),
        "",
        "## Which departs from it",
        "",
        gfm.text(record.message[:_MESSAGE_LETTERS]),
        "",
        f"Usually: {gfm.text(statement.usual_cause)}",
        "",
        f"{statement.id}, fingerprint {fingerprint(server, statement.id)}",
    ]


def for_anybody(line: str, target: str) -> str:
    """Give a line for a shell as anybody has a server: on the machine itself, without an ingress.

    Args:
        target: the address that was judged; see `Target.url`.
    """
    line = _SECRET_HEADER.sub("", _REACHED_BY.sub("", line))
    line = line.replace(" --http2 ", " --http2-prior-knowledge ")
    if line.startswith("grpcurl") and " -plaintext " not in line:
        line = line.replace("grpcurl", "grpcurl -plaintext", 1)
    prefix = re.escape(urlsplit(target).path.rstrip("/"))
    where = GRPC if " --http2-prior-knowledge " in line else HTTP
    line = re.sub(
        rf"(--path-as-is '?)https?://[^/\s']+(?:{prefix}(?=/))?", rf"\1http://{where}", line
    )
    line = re.sub(r"\S+ (inference\.GRPCInferenceService/)", rf"{GRPC} \1", line)
    host, port = HTTP.split(":")
    return re.sub(r"\| (?:nc|openssl s_client) .*?(?=   #|$)", f"| nc {host} {port}", line)


def _surroundings(folder: Path) -> list[str]:
    try:
        claim = (folder / CLAIM).read_text(encoding="utf-8")
    except OSError:
        return []
    return [line for line in claim.splitlines() if line.startswith(_SURROUNDINGS)]


def _without_places(text: str, run: Run, record: Record) -> str:
    """Leave out the names under which a service was reached, its own network's."""
    words = shlex.split(run.header.wrapper["command"] or "")
    given = dict(itertools.pairwise(words))
    places = [record.axes.get("target", ""), given.get("--grpc-target", "")]
    hosts = [urlsplit(each if "://" in each else f"//{each}").hostname or "" for each in places]
    hosts += [each[len("host:") :].strip() for each in words if each.startswith("host:")]
    for host in sorted(filter(None, hosts), key=len, reverse=True):
        text = re.sub(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", "localhost", text)
    return without_secrets(text)


def _shortened(answer: str) -> str:
    shown = "\n".join(answer[:_ANSWER_LETTERS].splitlines()[:_ANSWER_LINES])
    return shown if shown == answer else f"{shown}\n..."
