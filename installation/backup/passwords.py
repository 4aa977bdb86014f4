"""An archive with secrets holds the files of passwords that the settings name. They are put back before the
settings are read, which refuse a file that is not there, and by root, who may write where they lie.
"""

import os
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from installation.backup.archive import DAMAGED, SECRETS
from server.foundation.settings import Settings

NAMED = {
    "smtp.password": "smtp_password_file",
    "database.password": "database_password_file",
    "influx.token": "influx_token_file",
}
"""By its name in an archive: the setting that says where it lies."""
_LARGEST = 64_000


def put_back(file: Path, config: Path) -> Iterator[str]:
    """Of the archive `file`, what `config` names and is not there; yields a line for each. What is wrong with
    either is said by who reads them next. Raises OSError."""
    try:
        settings = Settings.model_validate(tomllib.loads(config.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError):
        return
    beside = config.resolve().parent
    missing = {
        name: beside / named
        for name, key in NAMED.items()
        if (named := getattr(settings, key)) and not (beside / named).exists()
    }
    owner = (beside / settings.data_key_file).parent
    for name, content in _held(file, missing) if missing else ():
        _write(missing[name], content, owner)
        yield f"{missing[name]} put back from the archive"


def _held(file: Path, names: dict[str, Path]) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(file, "r:gz") as tar:
            for entry in tar:
                name = entry.name.removeprefix(SECRETS)
                source = tar.extractfile(entry) if entry.name == SECRETS + name and name in names else None
                if source is not None and entry.size <= _LARGEST:
                    yield name, source.read()
    except (OSError, *DAMAGED):
        return


def _write(path: Path, content: bytes, owner: Path) -> None:
    """The server's own user may read it, and nobody else."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as made:
        made.write(content)
        if os.geteuid() == 0 and owner.is_dir():
            status = owner.stat()
            os.fchown(made.fileno(), status.st_uid, status.st_gid)
