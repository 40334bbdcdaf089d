"""Runs a module where the kernel has no IPv6: it makes no such socket for this process.

Used as ``python without_ipv6.py MODULE ARGUMENTS``. Booting a kernel without IPv6 is more than a
test can do; a filter of system calls (seccomp) has it answer as such a kernel does.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
import sys

# The number of the system call socket(2).
_SOCKET = {"x86_64": 41, "aarch64": 198}[platform.machine()]
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER_MODE = 38, 22, 2
# Instructions of linux/bpf_common.h: load a word, jump if equal, return.
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
# Where struct seccomp_data has the call's number and its first argument.
_NUMBER, _FIRST_ARGUMENT = 0, 16
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


def _refuse_ipv6() -> None:
    program = (
        (_LOAD, 0, 0, _NUMBER),
        (_EQUAL, 0, 3, _SOCKET),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 0, 1, socket.AF_INET6),
        (_RETURN, 0, 0, _ERRNO | errno.EAFNOSUPPORT),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in program))
    filtering = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    for option, *arguments in ((_NO_NEW_PRIVILEGES, 1, 0), (_SECCOMP, _FILTER_MODE, filtering)):
        if libc.prctl(option, *arguments, 0, 0):
            raise OSError(ctypes.get_errno(), "the filter can't be set")


if __name__ == "__main__":
    _refuse_ipv6()
    os.execv(sys.executable, [sys.executable, "-m", *sys.argv[1:]])
