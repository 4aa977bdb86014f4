"""Carries a plan out, on this machine or in a folder that will be one; says each act in a line.

Doing it twice changes nothing the second time.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from installation.acts import Act, MakeFolder, MakeUser, Owner, Plan, Run, WriteFile
from installation.errors import InstallationError

_SYSTEMD = Path("/run/systemd/system")
"""There while systemd runs the machine (sd_booted(3))."""


@dataclass(frozen=True)
class Machine:
    """Where to install. `root` is `/`, or the folder of an image; `privileged`: owners and users can be set;
    `live`: systemd runs here and is told of what changed."""

    root: Path
    privileged: bool
    live: bool

    def inside(self, path: str) -> Path:
        """Where a path of the installed machine lies now."""
        return self.root / path.lstrip("/")


def seen(root: Path | None) -> Machine:
    """The machine as root would find it: for showing only."""
    return Machine(root or Path("/"), privileged=True, live=root is None and _SYSTEMD.is_dir())


def look(root: Path | None) -> Machine:
    """The machine one is on, or an image's folder. Raises InstallationError where neither can be written."""
    privileged = os.geteuid() == 0
    if root is None:
        if not privileged:
            raise InstallationError(
                "installing needs root: run it with sudo; --dry-run shows what it would do,"
                " --root DIR writes the files into a folder"
            )
        return Machine(Path("/"), privileged, _SYSTEMD.is_dir())
    if not root.is_dir():
        raise InstallationError(f"there is no folder {root}")
    return Machine(root, privileged, live=False)


def carry_out(plan: Plan, machine: Machine, *, dry: bool) -> Iterator[str]:
    """Does each act and yields a line about it; with `dry` only yields what would be done.

    Raises InstallationError; what was done stays, and running it again goes on from there.
    """
    for act in plan.acts:
        done, said = _one(act, machine, dry=dry)
        yield f"{done:<6} {said}"


def _one(act: Act, machine: Machine, *, dry: bool) -> tuple[str, str]:
    try:
        match act:
            case MakeUser():
                return _user(act, machine, dry=dry), f"user {act.name}, who can't log in"
            case MakeFolder():
                return _folder(act, machine, dry=dry), f"{act.path}/  {_rights(act.mode, act.owner)}"
            case WriteFile():
                return _file(act, machine, dry=dry), f"{act.path}  {_rights(act.mode, act.owner)}"
            case Run():
                return _run(act, machine, dry=dry), " ".join(act.command)
    except OSError as error:
        raise InstallationError(f"{error.filename or act}: {error.strerror}") from error


def _rights(mode: int, owner: Owner) -> str:
    return f"({owner.user}:{owner.group} {mode:04o})"


def _ids(machine: Machine, owner: Owner) -> tuple[int, int]:
    """Numbers of a user and a group on that machine, from its own files: an image's differ from ours."""
    return (
        _number(machine.inside("/etc/passwd"), owner.user),
        _number(machine.inside("/etc/group"), owner.group),
    )


def _number(file: Path, name: str) -> int:
    if name == "root":
        return 0
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        fields = line.split(":")
        if fields[0] == name:
            return int(fields[2])
    raise InstallationError(f"{file} knows no {name}")


def _user(act: MakeUser, machine: Machine, *, dry: bool) -> str:
    passwd = machine.inside("/etc/passwd")
    known = passwd.exists() and any(
        line.startswith(act.name + ":") for line in passwd.read_text(encoding="utf-8").splitlines()
    )
    if known:
        return "as is"
    if not machine.privileged:
        return "left"
    if not dry:
        where = [] if machine.root == Path("/") else ["--root", str(machine.root)]
        words = ["--system", "--user-group", "--home-dir", act.home, "--no-create-home"]
        _call(["useradd", *where, *words, "--shell", "/usr/sbin/nologin", act.name])
    return "made"


def _own(path: Path, owner: Owner, machine: Machine) -> bool:
    """Sets the owner if it can be set; whether it changed."""
    if not machine.privileged:
        return False
    user, group = _ids(machine, owner)
    status = path.stat()
    if (status.st_uid, status.st_gid) == (user, group):
        return False
    os.chown(path, user, group)
    return True


def _folder(act: MakeFolder, machine: Machine, *, dry: bool) -> str:
    path = machine.inside(act.path)
    there = path.is_dir()
    if dry:
        return "as is" if there else "made"
    path.mkdir(parents=True, exist_ok=True)
    changed = _own(path, act.owner, machine)
    if path.stat().st_mode & 0o7777 != act.mode:
        path.chmod(act.mode)
        changed = True
    return "made" if not there else "set" if changed else "as is"


def _file(act: WriteFile, machine: Machine, *, dry: bool) -> str:
    path = machine.inside(act.path)
    there = path.exists()
    if there and act.keep:
        return "kept"
    same = there and path.read_text(encoding="utf-8") == act.text
    if dry:
        return "as is" if same else "set" if there else "made"
    changed = False
    if not same:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(path.name + ".new")
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(act.text)
        _own(fresh, act.owner, machine)
        fresh.chmod(act.mode)
        fresh.replace(path)
    else:
        changed = _own(path, act.owner, machine)
        if path.stat().st_mode & 0o7777 != act.mode:
            path.chmod(act.mode)
            changed = True
    return "as is" if same and not changed else "set" if there else "made"


def _run(act: Run, machine: Machine, *, dry: bool) -> str:
    if not machine.live:
        return "left"
    if not dry:
        _call(list(act.command))
    return "ran"


def _call(command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        raise InstallationError(f"this machine has no {command[0]}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InstallationError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
