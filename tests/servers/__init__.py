"""A server that keeps every statement of the suite, and ways to make it wrong.

It stands for the states that no real server can be brought into: each of `wrong` breaks one
statement, so that each check is seen to fail. The suite's checks hold it against real servers.
"""

from tests.servers.running import RightServer, running

__all__ = ["RightServer", "running"]
