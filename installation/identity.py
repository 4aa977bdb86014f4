"""Whoever keeps the server's data does so as the server's own user: files that root made there would lock it
out."""

import os
import pwd
from pathlib import Path


def become_owner_of(folder: Path) -> None:
    """For the rest of this process: root becomes the owner of `folder`; anybody else stays who they are."""
    if os.geteuid() != 0:
        return
    status = folder.stat()
    if status.st_uid == 0:
        return
    try:
        os.initgroups(pwd.getpwuid(status.st_uid).pw_name, status.st_gid)
    except KeyError:  # a number without a name: another machine's disk
        os.setgroups([status.st_gid])
    os.setgid(status.st_gid)
    os.setuid(status.st_uid)
    os.umask(0o077)
