"""The script on machines that lack something: one line that names it, exit 2, nothing left behind."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.parts.__main__ import refused
from simulator.parts.places import ROOT


class Machine:
    """A checkout and the only programs its PATH shows."""

    def __init__(self, folder: Path) -> None:
        self.checkout, self.programs = folder / "checkout", folder / "programs"
        self.programs.mkdir(parents=True)
        (self.checkout / "simulator").mkdir(parents=True)
        shutil.copy(ROOT / "loquet", self.checkout)
        shutil.copytree(ROOT / "requirements", self.checkout / "requirements")
        shutil.copy(ROOT / "simulator" / "__init__.py", self.checkout / "simulator")
        shutil.copytree(
            ROOT / "simulator" / "parts",
            self.checkout / "simulator" / "parts",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        for name in ("dirname", "env", "cat"):
            found = shutil.which(name)
            assert found
            (self.programs / name).symlink_to(found)

    def program(self, name: str, text: str) -> None:
        """Put a shell script on PATH."""
        file = self.programs / name
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)

    def python(self, without: list[str]) -> None:
        """Put this Python on PATH as python3, lacking some modules of the standard library."""
        blocked = "".join(f"sys.modules['{name}'] = None\n" for name in without)
        (self.programs / "sitecustomize.py").write_text(
            f"import sys, importlib.util\n{blocked}found = importlib.util.find_spec\n"
            f"without = {without}\n"
            "importlib.util.find_spec = lambda name, *rest: None if name in without else found(name, *rest)\n"
        )
        site = f"sys.path.insert(0, '{self.programs}'); import sitecustomize; del sys.path[0]"
        self.program(
            "python3",
            f'case $1 in -c) exec "{sys.executable}" "$@" ;; esac\n'
            f'exec "{sys.executable}" -c "import sys; {site}; import runpy; sys.argv = sys.argv[2:]; '
            "sys.path[0] = ''; runpy.run_module('simulator.parts', run_name='__main__')\" \"$@\"",
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the script with nothing else on PATH."""
        return subprocess.run(
            [str(self.checkout / "loquet"), *arguments],
            env={"PATH": str(self.programs), "HOME": str(self.programs), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_an_old_python_is_refused_with_the_package_that_helps(machine: Machine) -> None:
    machine.program("python3", "case $2 in *print*) echo 3.9 ;; *) exit 1 ;; esac")
    done = machine.run("demo")
    assert done.returncode == 2
    assert "is 3.9" in one_line(done)
    assert "install the package python3.11" in one_line(done)
    assert not (machine.checkout / ".loquet").exists()


def test_a_newer_python_beside_an_old_one_is_used(machine: Machine) -> None:
    machine.program("python3", "case $2 in *print*) echo 3.9 ;; *) exit 1 ;; esac")
    machine.program("python3.12", 'case $1$2 in -m*) echo "set up by 3.12: $3" ;; *print*) echo 3.12 ;; esac')
    done = machine.run("setup", "demo")
    assert done.returncode == 0
    assert "set up by 3.12: demo" in done.stdout


def test_no_python_at_all(machine: Machine) -> None:
    done = machine.run("demo")
    assert done.returncode == 2
    assert "install the package python3 " in one_line(done)


def test_neither_pip_nor_apt(machine: Machine) -> None:
    machine.python(without=["ensurepip"])
    done = machine.run("server")
    assert done.returncode == 2, done
    assert "install the package python3-venv" in one_line(done)
    assert not (machine.checkout / ".loquet").exists()


def test_an_apt_that_has_no_lists_and_no_network(machine: Machine) -> None:
    machine.python(without=["ensurepip"])
    machine.program("apt-get", "echo 'E: Failed to fetch the lists' >&2; exit 100")
    machine.program("dpkg", "exit 0")
    done = machine.run("demo")
    assert done.returncode == 2, done
    assert "install the package python3-venv" in one_line(done)
    assert "Failed to fetch the lists" in one_line(done)
    assert not (machine.checkout / ".loquet").exists()


def test_an_unknown_verb_is_refused(machine: Machine) -> None:
    done = machine.run("open-all-doors")
    assert done.returncode == 2
    assert "there is no verb 'open-all-doors'" in done.stderr


def test_help_names_every_verb(machine: Machine) -> None:
    done = machine.run("help")
    assert done.returncode == 0
    for verb in ("demo", "test", "server", "gateway", "simulator", "setup"):
        assert f"./loquet {verb}" in done.stdout


def test_the_program_is_the_very_process_that_was_started(machine: Machine) -> None:
    """So that Ctrl-C, SIGTERM and the exit status need nobody to pass them on."""
    machine.program("python3", "case $1$2 in -m*) exit 0 ;; *print*) echo 3.12 ;; esac")
    environment = machine.checkout / ".loquet" / "venv" / "bin"
    environment.mkdir(parents=True)
    (environment / "python").write_text('#!/bin/sh\necho "$$ $*"; exit 7\n')
    (environment / "python").chmod(0o755)
    started = subprocess.Popen(
        [str(machine.checkout / "loquet"), "demo", "--once"],
        env={"PATH": os.fspath(machine.programs)},
        stdout=subprocess.PIPE,
        text=True,
    )
    said, _ = started.communicate()
    assert said.strip() == f"{started.pid} -m simulator demo --once"
    assert started.returncode == 7


def test_a_failed_set_up_starts_nothing(machine: Machine) -> None:
    machine.program("python3", "case $1$2 in -m*) exit 2 ;; *print*) echo 3.12 ;; esac")
    done = machine.run("demo")
    assert done.returncode == 2
    assert done.stdout == ""


def test_a_file_system_that_takes_no_set_up_is_said_in_a_line(machine: Machine) -> None:
    machine.python(without=["ensurepip"])
    (machine.checkout / ".loquet" / "setup.lock").mkdir(parents=True)
    done = machine.run("server")
    assert done.returncode == 2, done
    assert one_line(done).endswith("setup.lock: Is a directory")


def test_another_than_the_checkouts_owner_is_told_who_must_set_it_up() -> None:
    closed = PermissionError(errno.EACCES, "Permission denied", "/opt/loquet/.loquet/setup.lock")
    assert "/opt/loquet/.loquet/setup.lock: Permission denied; whoever owns" in refused(closed, "server")
    assert refused(OSError(errno.EROFS, "Read-only file system"), "server").endswith("/loquet setup server")
    assert "whoever owns" not in refused(OSError(errno.ENOSPC, "No space left on device"), "server")
