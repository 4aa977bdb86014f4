"""The archive: a tar with a manifest, the database as a SQLite file, the settings; mode 0600, whole or not
there."""

import gzip
import json
import os
import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from installation.backup.facts import Facts
from installation.errors import InstallationError

FORMAT = 1
MANIFEST = "manifest.json"
DATABASE = "database.sqlite3"
SECRETS = "secrets/"
SUFFIX = ".tar.gz"

DAMAGED = (
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    tarfile.TarError,
    FileExistsError,  # a name twice
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
)
"""What reading an archive raises that is none, or a cut one."""


@dataclass(frozen=True)
class Manifest:
    """What an archive says of itself. `key`: a mark by which the data key is recognised, which says nothing
    about it; `secrets`: the files to keep elsewhere, by their paths."""

    made_at: str
    kind: str
    key: str
    facts: Facts
    secrets: Sequence[str]

    def text(self) -> str:
        """As JSON."""
        plain: dict[str, Any] = {
            "format": FORMAT,
            "made_at": self.made_at,
            "kind": self.kind,
            "key": self.key,
            "facts": self.facts.plain(),
            "secrets": list(self.secrets),
        }
        return json.dumps(plain, indent=1, sort_keys=True) + "\n"


def write(target: Path, folder: Path) -> None:
    """Packs every file below `folder`, the manifest first; the archive appears when all of it is on disk."""
    fresh = target.with_name(f".{target.name}.new")
    fresh.unlink(missing_ok=True)
    files = sorted(
        (path for path in folder.rglob("*") if path.is_file()), key=lambda path: (path.name != MANIFEST, path)
    )
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as tar:
            for path in files:
                tar.add(path, arcname=path.relative_to(folder).as_posix(), filter=_anonymous)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(target)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o600
    return entry


def unpack(archive: Path, folder: Path) -> Manifest:
    """Unpacks plain files into `folder`, reads the manifest. Raises InstallationError for anything else, and
    says apart what is no archive and what may not be read or has no room."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for entry in tar:
                name = Path(entry.name)
                if not entry.isfile() or name.is_absolute() or ".." in name.parts:
                    raise InstallationError(f"{archive} holds {entry.name}, which no backup of Loquet does")
                _extract(tar, entry, folder / name)
        if not (folder / MANIFEST).is_file():
            raise tarfile.TarError("it has no manifest")
        return read_manifest((folder / MANIFEST).read_text(encoding="utf-8"))
    except DAMAGED as error:
        raise InstallationError(f"{archive} is no backup of Loquet, or a cut one: {error}") from error
    except OSError as error:
        raise InstallationError(
            f"{error.filename or folder} can't be read, or not unpacked, by the server's own user:"
            f" {error.strerror}"
        ) from error


def _extract(tar: tarfile.TarFile, entry: tarfile.TarInfo, into: Path) -> None:
    into.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(entry)
    if source is None:
        raise tarfile.TarError(f"{entry.name} can't be read")
    handle = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with source, os.fdopen(handle, "wb") as file:
        while part := source.read(1 << 20):
            file.write(part)


def read_manifest(text: str) -> Manifest:
    """From JSON. Raises ValueError, KeyError or TypeError if it is something else."""
    plain = json.loads(text)
    if plain["format"] != FORMAT:
        raise ValueError(f"format {plain['format']}, this program knows {FORMAT}")
    return Manifest(
        str(plain["made_at"]),
        str(plain["kind"]),
        str(plain["key"]),
        Facts.read(plain["facts"]),
        [str(each) for each in plain["secrets"]],
    )
