"""`./loquet server handover SITE`: what a site's box must have of the server's secrets, and nothing more."""

import json
import os
from pathlib import Path

from installation.errors import InstallationError
from server.foundation.errors import ConfigurationError
from server.sitefile import document


def write(site: str, site_file: Path, secrets: Path, out: Path) -> int:
    """Writes token and link keys of a site into `out`, mode 0600; returns the number of controllers.

    Raises InstallationError; what exists already is not overwritten.
    """
    try:
        described = document.read(site_file)
        known = json.loads(secrets.read_text(encoding="utf-8"))
    except ConfigurationError as error:
        raise InstallationError(str(error)) from error
    except OSError as error:
        raise InstallationError(f"{secrets} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise InstallationError(f"{secrets} is not JSON") from error
    found = next((each for each in described.sites if each.id == site), None)
    if found is None:
        raise InstallationError(f"{site_file} knows no site {site}")
    try:
        content = {
            "site": site,
            "token": known["gateways"][site],
            "devices": {each.id: known["controllers"][each.id]["psk"] for each in found.controllers},
        }
    except (KeyError, TypeError) as error:
        raise InstallationError(f"{secrets} lacks something of {site}: run ./loquet server setup") from error
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise InstallationError(f"{out} is there already: remove it first") from error
    except OSError as error:
        raise InstallationError(f"{out} can't be written: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    return len(found.controllers)
