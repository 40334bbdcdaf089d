"""A wrapper that can't be started as a row needs it is told apart from one that fails."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from drill import pod
from drill.pod import NotStarted, Refused
from drill.wrapper_setup import USUAL
from matrix.planning.subject import Subject
from tests.wrapper.running import NOBODY

pytestmark = pytest.mark.integration

# A TorchServe that nobody asks.
_TORCHSERVE = cast("Any", SimpleNamespace(instance=NOBODY))


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        (2, Refused, "--workers isn't to be had here"),
        (1, NotStarted, "ended with exit code 1 before it was ready"),
    ],
)
def test_what_ends_with_2_refuses_and_what_ends_otherwise_fails(
    code: int, error: type[Exception], said: str
) -> None:
    program = f'import sys; print(\\"--workers isn\'t to be had here\\"); sys.exit({code})'
    subject = Subject("refuses", f'{{python}} -c "{program}"')
    with pod.before(subject, "0.13.1", _TORCHSERVE) as around, pytest.raises(error, match=said):
        around.have(USUAL)
