"""The first line of a message has the cause, whatever the log behind it looks like."""

from __future__ import annotations

import pytest
from kserve_conformance.text import messages

LACKS = "ModuleNotFoundError: No module named 'orjson'"
TRACEBACK = f"""\
Traceback (most recent call last):
  File "/srv/wrapper.py", line 1, in <module>
    import orjson
{LACKS}
"""
CHAINED = f"""\
{TRACEBACK}
During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/wrapper.py", line 3, in <module>
    raise RuntimeError("no JSON") from error
RuntimeError: no JSON
"""
EXITS = f"""\
{TRACEBACK}
During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/wrapper.py", line 3, in <module>
    sys.exit(3)
SystemExit: 3
"""
IGNORED = f"""\
{TRACEBACK}Exception ignored in: <function Client.__del__ at 0x7f04af4fedc0>
Traceback (most recent call last):
  File "/srv/client.py", line 7, in __del__
    self._session.close()
AttributeError: 'NoneType' object has no attribute 'close'
"""
GROUP = f"""\
  + Exception Group Traceback (most recent call last):
  |   File "/srv/wrapper.py", line 9, in <module>
  |     asyncio.run(main())
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/wrapper.py", line 1, in load
    |     import orjson
    | {LACKS}
    +------------------------------------
"""
SYNTAX = """\
  File "<string>", line 1
    raise/**/0
         ^^
SyntaxError: invalid syntax
"""
COLUMNS = f"""\
2026-11-24T04:02:28,1 [INFO ] W-9001-a_1.0-stdout MODEL_LOG - Traceback (most recent call last):
2026-11-24T04:02:28,1 [INFO ] W-9001-a_1.0-stdout MODEL_LOG -   File "handler.py", line 9
2026-11-24T04:02:28,1 [INFO ] epollEventLoopGroup-3-1 ACCESS_LOG - "GET /models/a" 200 1
2026-11-24T04:02:28,1 [INFO ] W-9001-a_1.0-stdout MODEL_LOG - {LACKS}
2026-11-24T04:02:28,1 [INFO ] W-9001-a_1.0 WorkerThread - Retry worker: 9001 in 1 seconds.
"""
JAVA = """\
2026-11-29T07:51:55,157 [ERROR] main org.pytorch.serve.ModelServer - Caught one
java.lang.IllegalStateException: it can't be started
\tat org.pytorch.serve.ModelServer.start(ModelServer.java:571)
Caused by: java.net.BindException: Address already in use
\tat java.base/sun.nio.ch.Net.bind0(Native Method)
\t... 7 more
2026-11-29T07:51:55,158 [INFO ] main org.pytorch.serve.ModelServer - Torchserve stopped.
"""
SEGMENTS = """\
Fatal Python error: Segmentation fault

Current thread 0x00007f04af4fedc0 (most recent call first):
  File "/srv/wrapper.py", line 9 in <module>

Extension modules: numpy.core._multiarray_umath (total: 1)
"""
IN_USE = """\
INFO:     Started server process [7]
ERROR:    [Errno 98] error while attempting to bind: address already in use
INFO:     Waiting for application shutdown.
INFO:     127.0.0.1:32805 - "GET /v1/models/contract HTTP/1.1" 503 Service Unavailable
"""


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (TRACEBACK, LACKS),
        ("2026-11-29 07:45:07,281 wrapper INFO: starts\n" + TRACEBACK + "INFO:     bye\n", LACKS),
        # Its beginning was cut off.
        (TRACEBACK.partition("\n")[2], LACKS),
        (TRACEBACK.replace(LACKS, f"\x1b[1;35m{LACKS}\x1b[0m"), LACKS),
        (TRACEBACK.replace(LACKS, "INFO:     meanwhile\n" + LACKS), LACKS),
        (CHAINED, "RuntimeError: no JSON"),
        (EXITS, LACKS),
        (IGNORED, LACKS),
        (GROUP, LACKS),
        (COLUMNS, LACKS),
        (SYNTAX, "SyntaxError: invalid syntax"),
        (TRACEBACK.replace(LACKS, "KeyError: 'x'"), "KeyError: 'x'"),
        (TRACEBACK.replace(LACKS, "a.b.<locals>.MyError: no"), "a.b.<locals>.MyError: no"),
        (TRACEBACK.replace(LACKS, "AssertionError"), "AssertionError"),
        (TRACEBACK.replace(LACKS, "SystemExit: 3"), "SystemExit: 3"),
        (
            TRACEBACK.replace(LACKS, "pydantic.ValidationError: 1 error for Settings\nport\n  no"),
            "pydantic.ValidationError: 1 error for Settings",
        ),
        (TRACEBACK.replace(LACKS, "ValueError: \nthe thing"), "ValueError: the thing"),
        (JAVA, "java.net.BindException: Address already in use"),
        (JAVA + TRACEBACK, LACKS),
        (
            'Exception in thread "main" java.lang.Error: no address\n\tat a.B.main(B.java:7)\n',
            "java.lang.Error: no address",
        ),
        (SEGMENTS, "Fatal Python error: Segmentation fault"),
        (IN_USE, "ERROR:    [Errno 98] error while attempting to bind: address already in use"),
        ("INFO: starts\n\nusage: wrapper [-h]\n", "usage: wrapper [-h]"),
        ("ERROR: one\nKilled\n", "Killed"),
        ('"GET /v1" 503\n', '"GET /v1" 503'),
        ("loading 10%\rloading 20%", "loading 20%"),
        ("2026-11-25 04:45:36.845 31783 kserve ERROR [x] no model", "kserve ERROR [x] no model"),
        ("[2026-11-25 04:48:48 +0000] [123] [ERROR] bad", "[ERROR] bad"),
        ("E1125 04:48:48.281234    77 server.cc:10] no port", "server.cc:10] no port"),
        ("listens on:", "listens on"),
        ("", ""),
        (" \n\n", ""),
    ],
)
def test_the_line_of_a_log_that_tells_most(log: str, line: str) -> None:
    assert messages.telling_line(log) == line


def test_a_line_without_bounds_is_cut_after_a_word() -> None:
    line = messages.telling_line("ValueError: " + "word " * 1000)
    assert len(line) <= 300
    assert line.endswith(" word...")
    assert messages.telling_line("/" + "x" * 1000) == "/" + "x" * 296 + "..."


def test_a_secret_is_not_told_also_where_the_line_before_tells_it() -> None:
    assert messages.telling_line("no entry: password=s3cret-of-the-client") == (
        "no entry: password=***"
    )
    assert "s3cret" not in messages.telling_line("cookie: a=s3cret\n b=s3cret\n")


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("", ""),
        ("expected 200, got 500", "expected 200, got 500"),
        ("\n  expected 2, got 1 \nassert False", "expected 2, got 1"),
        ("KeyError: ", "KeyError:"),
        (f"it ended; the end of its log:\n{TRACEBACK}", f"it ended: {LACKS}"),
        (f"TorchServe: it ended. Its log ends:\n{TRACEBACK}", f"TorchServe: it ended: {LACKS}"),
        (f"it crashes:\n{TRACEBACK}", f"it crashes: {LACKS}"),
        ("it ended; the end of its log:\n", "it ended, and wrote nothing"),
        ("it ended; the end of its log:", "it ended, and wrote nothing"),
    ],
)
def test_the_cause_of_a_message(message: str, cause: str) -> None:
    assert messages.cause(message) == cause
    assert messages.cause(messages.with_cause(message)) == cause


def test_a_message_keeps_its_log_behind_the_cause() -> None:
    message = messages.with_log("it ended", TRACEBACK)
    assert message == f"it ended: {LACKS}\n{TRACEBACK}"
    assert messages.with_cause(message) == message
    assert messages.cause(message, 12) == "it ended:..."
    assert messages.with_log("it ended", "\n") == "it ended, and wrote nothing"
