"""A child ends with whoever started it."""

import os
import signal
import subprocess
import sys
import time

PARENT = """
import subprocess, sys, time
from simulator.parts.lifetime import ending_with_us
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], preexec_fn=ending_with_us())
print(child.pid, flush=True)
time.sleep(600)
"""


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


def test_a_child_ends_with_a_parent_that_was_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert _is_there(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while _is_there(child):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.01)
