"""A disk that fails: the kernel itself answers EIO to fsync, or ENOSPC to writes, by a seccomp filter that a
process puts upon itself and can never take off. Run as a program it plays the gateway's writer on such a
disk.

`python -m tests.faults.broken_disk fsync|full STORE` prints one JSON line of what happened.
"""

import ctypes
import json
import platform
import struct
import sys
from pathlib import Path

from gateway import store
from gateway.effects import Effects
from gateway.errors import StoreError
from gateway.writer import Writer

_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_CALLS = {
    "fsync": {"x86_64": (74, 75), "aarch64": (82, 83)},  # fsync, fdatasync
    "full": {"x86_64": (18, 285), "aarch64": (68, 47)},  # pwrite64, fallocate
}
_ERRORS = {"fsync": 5, "full": 28}
"""EIO, ENOSPC."""
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ERRNO, _ALLOW = 0x00050000, 0x7FFF0000

SUPPORTED = sys.platform == "linux" and platform.machine() in _SECCOMP


def break_disk(how: str) -> None:
    """From now on the calls of `how` fail in this process. Raises OSError if the kernel takes no filters."""
    machine = platform.machine()
    first, second = _CALLS[how][machine]
    program = b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in (
            (_LOAD, 0, 0, 0),  # the number of the system call
            (_JUMP_IF_EQUAL, 1, 0, first),
            (_JUMP_IF_EQUAL, 0, 1, second),
            (_RETURN, 0, 0, _ERRNO | _ERRORS[how]),
            (_RETURN, 0, 0, _ALLOW),
        )
    )
    filters = ctypes.create_string_buffer(program)

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filters", ctypes.c_void_p))

    libc = ctypes.CDLL(None, use_errno=True)
    described = Program(len(program) // 8, ctypes.cast(filters, ctypes.c_void_p))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs")
    if libc.syscall(_SECCOMP[machine], _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(described)) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


def _play(how: str, path: Path) -> dict[str, object]:
    database = store.connect(path)
    carried: list[str] = []
    writer = Writer(
        database,
        lambda: Effects("ferme"),
        lambda effects: carried.extend(each.payload.decode() for each in effects.messages()),
        lambda: None,
    )
    writer.start()

    def put(key: str) -> None:
        def task(effects: Effects) -> None:
            store.write_meta(database, key, "x")
            effects.publish("wall-1", "ack", key.encode())

        writer.call(task)

    put("before")
    break_disk(how)
    refused: list[str] = []
    for key in ("while", "after"):
        try:
            put(key)
        except StoreError as error:
            refused.append(str(error))
    if how == "fsync":
        writer.thread.join(10)
    return {
        "carried": carried,
        "refused": refused,
        "ended": not writer.thread.is_alive(),
        "takes": writer.offer(lambda _effects: None),
        "damaged": writer.is_damaged,
    }


if __name__ == "__main__":
    print(json.dumps(_play(sys.argv[1], Path(sys.argv[2]))))
