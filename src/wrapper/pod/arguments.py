"""What the container is told on its command line: TorchServe's command, and the wrapper's flags."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import PurePath
from typing import NoReturn

USAGE = "python -m wrapper.pod [torchserve --start ARGUMENT...] [-- WRAPPER_FLAG...]"

# Those of KServe's own ClusterServingRuntime, the same from 0.8 to 0.20.
_STOCK = (
    "torchserve",
    "--start",
    "--model-store=/mnt/models/model-store",
    "--ts-config=/mnt/models/config/config.properties",
)


class ArgumentsError(ValueError):
    """Arguments that can't be used. Its text is one line: what, and what to write instead."""


@dataclasses.dataclass(frozen=True)
class Arguments:
    """The two halves of the command line, which ``--`` separates.

    Attributes:
        torchserve: TorchServe's command and its arguments, without ``--foreground``.
        wrapper: the flags of ``python -m wrapper``.
        config: what ``--ts-config`` names, None where it isn't there.
        model_store: what ``--model-store`` names, None where it isn't there.
    """

    torchserve: tuple[str, ...]
    wrapper: tuple[str, ...]
    config: str | None
    model_store: str | None

    @classmethod
    def parse(cls, words: Sequence[str]) -> Arguments:
        """Read what came after ``python -m wrapper.pod``; nothing means KServe's own arguments.

        Raises:
            ArgumentsError: when the first word is not TorchServe's command.
        """
        end = words.index("--") if "--" in words else len(words)
        command = tuple(words[:end]) or _STOCK
        if PurePath(command[0]).name != "torchserve":
            raise ArgumentsError(f"{command[0]!r} is not TorchServe's command: write {USAGE}")
        options = _parser().parse_known_args(command[1:])[0]
        return cls(
            torchserve=tuple(word for word in command if not _is_foreground(word)),
            wrapper=tuple(words[end + 1 :]),
            config=options.ts_config,
            model_store=options.model_store,
        )


def _is_foreground(word: str) -> bool:
    # With it TorchServe's launcher stays, and ends with 0 whatever Java's exit code was
    # (ts/model_server.py, from 0.5.3 to 0.12.0). It takes what is short for it, too.
    return word.startswith("--f") and "--foreground".startswith(word)


def _parser() -> _Parser:
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--ts-config")
    parser.add_argument("--model-store")
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ArgumentsError(f"TorchServe's command can't be read: {message}")
