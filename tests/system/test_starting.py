"""A demo that can't start says why in a line; one that is ended, at any moment, leaves nothing behind."""

import os
import select
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simulator.orchestrator.runfolder import LOOPBACK, require_port, run_folder
from simulator.parts.places import ROOT
from simulator.story import campaign
from tests.system.traces import processes_of

pytestmark = [pytest.mark.system, pytest.mark.broker, pytest.mark.interpreter]

DEMO = ROOT / "simulator" / "scenarios" / "demo.toml"


def refused(root: Path, *arguments: str) -> str:
    """The line with which a demo refuses to start."""
    port = campaign.free_pair()
    done = subprocess.run(
        campaign.command(root, port, *arguments),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("loquet: ")
    assert "Traceback" not in done.stderr
    assert processes_of(root) == {}
    return done.stderr.removeprefix("loquet: ").strip()


@contextmanager
def demo(root: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """A demo that is ended with the test, whatever the test does."""
    process = subprocess.Popen(
        campaign.command(root, port, "--steps", "1"),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def said_until(process: subprocess.Popen[str], text: str) -> list[str]:
    """Its lines up to the one with `text`."""
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return lines
    raise AssertionError(f"it never said {text!r}:\n" + "".join(lines))


def test_a_second_start_in_the_same_place_is_one_clear_line(tmp_path: Path) -> None:
    with run_folder(tmp_path) as folder:
        (folder / "mine").write_text("of the first")
        line = refused(tmp_path)
        assert (folder / "mine").exists(), "the second start took the first one's folder away"
    assert "already running here (process " in line
    assert "\n" not in line


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen()
        port = listener.getsockname()[1]
        line = refused(tmp_path, "--port", str(port))
    assert line.startswith(f"port {port} ")
    assert "--port" in line
    assert "\n" not in line


def test_a_scenario_file_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    line = refused(tmp_path / "root", "--scenario", str(tmp_path / "none.toml"))
    assert line.startswith("there is no scenario file ")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("written", "instead", "says"),
    [
        ("[[sites]]", "[[sites]", "none.toml"),
        ('climate = "frozen"\nbus', 'climate = "tropical"\nbus', "'tropical'"),
        ('numbers = "1-12"', 'numbers = "one"', "'one'"),
        ('kind = "bank"', "", "'kind' is missing"),
    ],
)
def test_a_broken_scenario_file_is_one_clear_line(
    tmp_path: Path, written: str, instead: str, says: str
) -> None:
    line = refused(tmp_path / "root", "--scenario", str(_altered(tmp_path / "none.toml", written, instead)))
    assert says in line
    assert "\n" not in line


def test_a_site_that_the_server_refuses_leaves_nothing_behind(tmp_path: Path) -> None:
    file = _altered(tmp_path / "site.toml", 'producer = "tilleuls"', 'producer = "nobody"')
    assert "unknown producer" in refused(tmp_path / "root", "--scenario", str(file))


def _altered(file: Path, written: str, instead: str) -> Path:
    text = DEMO.read_text(encoding="utf-8")
    assert written in text
    file.write_text(text.replace(written, instead, 1), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("  server  ", signal.SIGINT),
        ("broker and gateway", signal.SIGTERM),
        ("[1]", signal.SIGINT),
    ],
)
def test_ended_at_any_moment_it_leaves_nothing(tmp_path: Path, moment: str, number: signal.Signals) -> None:
    port = campaign.free_pair()
    with demo(tmp_path, port) as process:
        said_until(process, moment)
        assert len(processes_of(tmp_path)) > 1, "nothing runs that could be left"
        process.send_signal(number)
        said_until(process, "ending everything")
        process.wait()
        assert process.returncode == 130
    assert processes_of(tmp_path) == {}
    assert require_port(port, "the pages") == port
    assert require_port(port + 1, "the wall") == port + 1


def test_killed_it_takes_its_programs_with_it(tmp_path: Path) -> None:
    with demo(tmp_path, campaign.free_pair()) as process:
        said_until(process, "[1]")
        started = processes_of(tmp_path)
        process.kill()
        process.wait()
        for pid in started:
            _gone(pid)
    assert processes_of(tmp_path) == {}


def _gone(pid: int) -> None:
    """Wait until a process that is dying has died; the kernel says so through its pidfd."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with os.fdopen(descriptor, "rb", closefd=True, buffering=0) as handle:
        assert select.select([handle], [], [], 10.0)[0], f"process {pid} lives on"
