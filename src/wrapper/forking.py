"""Whether this process may have threads, which it mustn't before it forks.

A fork doesn't copy them: what is forked from a process in which one runs, or in which gRPC has
begun, which has threads of its own, may wait for it for ever. What is spawned knows nothing of
this.
"""

from __future__ import annotations

import os

# Those that are still going to fork. What is forked from them has an id of its own.
_before_a_fork: set[int] = set()


def is_ahead() -> None:
    """Keep this process from having threads, and from asking by gRPC: it is going to fork."""
    _before_a_fork.add(os.getpid())


def allows_threads() -> bool:
    """Tell whether this process may have threads, and ask by gRPC."""
    return os.getpid() not in _before_a_fork
