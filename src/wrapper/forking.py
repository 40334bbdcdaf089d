"""Whether this process may ask by gRPC, which it mustn't before it forks.

gRPC has threads of its own, which a fork doesn't copy: what is forked from a process in which it
has begun waits for its answers for ever. What is spawned knows nothing of this.
"""

from __future__ import annotations

import os

# Those that are still going to fork. What is forked from them has an id of its own.
_before_a_fork: set[int] = set()


def is_ahead() -> None:
    """Keep this process from asking by gRPC until it has forked."""
    _before_a_fork.add(os.getpid())


def is_over() -> None:
    """Let this process ask by gRPC from now on."""
    _before_a_fork.discard(os.getpid())


def allows_grpc() -> bool:
    """Tell whether this process may ask by gRPC now."""
    return os.getpid() not in _before_a_fork
