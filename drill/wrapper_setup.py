"""How the wrapper of a row is set up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Setup:
    """What a row needs of the wrapper that it is run on. Rows with the same share one.

    Attributes:
        flags: options of its command, as ``--workers 2``.
        proxied: whether the drill's proxy is between it and TorchServe's inference port.
        log_is_full: whether its log goes to a disk that is full.
        clock_jumps: whether its clock can be set; see `drill.clock`.
    """

    flags: tuple[str, ...] = ()
    proxied: bool = False
    log_is_full: bool = False
    clock_jumps: bool = False


# That of a wrapper as people start it.
USUAL = Setup()
