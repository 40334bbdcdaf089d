"""What servers and models tell of themselves."""

from __future__ import annotations

from conformance import expect
from conformance.checks.registry import check
from conformance.server import Server


@check("V2-META-001")
def the_server_is_described(server: Server) -> None:
    told = server.get("/v2").success()
    with expect.reading("the server's metadata"):
        expect.that(isinstance(told["name"], str), "the server's name is no text")
        expect.that(isinstance(told["version"], str), "the server's version is no text")
        extensions = told["extensions"]
    expect.that(
        isinstance(extensions, list) and all(isinstance(each, str) for each in extensions),
        f"extensions is no list of names: {extensions!r}",
    )
