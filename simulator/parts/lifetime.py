"""A child process ends with the process that started it, also when that one is killed (Linux: prctl(2))."""

import ctypes
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def ending_with_us(how: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """For `preexec_fn`: the child gets signal `how` once the *thread* that started it is gone.

    It runs between fork and exec, where nothing may allocate much or raise; a change of user clears the wish,
    and `subprocess` calls `preexec_fn` after one.
    """
    number = int(how)

    def wish() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, number)

    return wish
