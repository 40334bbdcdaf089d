"""Servers that compress answers for whoever asks, or say that they did."""

from __future__ import annotations

import gzip

from tests.servers.http import Answer, Request
from tests.servers.running import RightServer
from tests.servers.wrong.faults import breaks, change_answers


@breaks("V1-HEADER-009", "V2-HEADER-016")
def compresses_each_answer(server: RightServer) -> None:
    """Looks at how long it is, and at nothing else."""

    def fault(_: Request, answer: Answer) -> None:
        answer.body = gzip.compress(answer.body, mtime=0)
        answer.headers["content-encoding"] = "gzip"

    change_answers(server, "/models/", fault)


@breaks("V1-HEADER-009", "V2-HEADER-016")
def says_that_it_compressed(server: RightServer) -> None:
    """Names the coding that is accepted, and sends none."""

    def fault(request: Request, answer: Answer) -> None:
        if "gzip" in request.headers.get("accept-encoding", ""):
            answer.headers["content-encoding"] = "gzip"

    change_answers(server, "/models/", fault)


@breaks("V1-HEADER-009", "V2-HEADER-016")
def breaks_off_what_it_compressed(server: RightServer) -> None:
    """Sends as many bytes as the answer had before."""

    def fault(request: Request, answer: Answer) -> None:
        if "gzip" in request.headers.get("accept-encoding", ""):
            answer.body = gzip.compress(answer.body, mtime=0)[:-12]
            answer.headers["content-encoding"] = "gzip"

    change_answers(server, "/models/", fault)
