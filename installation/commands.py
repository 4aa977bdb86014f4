"""The command line of what the owner of a machine does: parsed here, done elsewhere."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from installation import doctor, handover, identity, install, places, upgrade
from installation.backup import passwords
from installation.backup.making import Sources, back_up
from installation.backup.restoring import restore
from installation.errors import InstallationError
from server.foundation.errors import ConfigurationError
from server.foundation.settings import load_settings
from server.healthcheck.machine import folder_of_data


def absolute(text: str) -> Path:
    """A path on the command line. The script works from its checkout, so a relative one would mean another
    place than it seems to."""
    path = Path(text)
    if not path.is_absolute():
        raise argparse.ArgumentTypeError(f"{text}: give the full path")
    return path


def count(text: str) -> int:
    """A number of backups to keep: below nought, the newest would go and the oldest stay."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text}: a whole number, 0 for all")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """All verbs; each sets `act`, which takes the arguments and yields lines."""
    top = argparse.ArgumentParser(prog="./loquet")
    subjects = top.add_subparsers(required=True, metavar="VERB")
    _server(subjects.add_parser("server").add_subparsers(required=True))
    _gateway(subjects.add_parser("gateway").add_subparsers(required=True))
    _backup(subjects.add_parser("backup", help="the server's database and settings, verified"))
    _restore(subjects.add_parser("restore", help="put a backup back"))
    _doctor(subjects.add_parser("doctor", help="what is well on this machine, and what to do about the rest"))
    return top


def _how(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--prefix", type=absolute, default=places.CHECKOUT, help="where the program is (this checkout)"
    )
    parser.add_argument("--user", default="loquet", help="as whom it runs (loquet)")
    parser.add_argument("--root", type=absolute, help="install into this folder, say of an image")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be done")


def _how_of(arguments: argparse.Namespace) -> install.How:
    return install.How(str(arguments.prefix), arguments.user, arguments.root, arguments.dry_run)


def _server(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    installing = verbs.add_parser("install", help="users, folders, settings, systemd units of a server")
    _how(installing)
    installing.add_argument("--base-url", help="its public address (what its settings say)")
    installing.add_argument("--keep", type=count, help="backups to keep (as its timer does, else 14)")
    installing.set_defaults(act=lambda a: install.server(_how_of(a), a.base_url, a.keep))
    upgrading = verbs.add_parser("upgrade", help="after an update: back up, then migrate the database")
    _sources(upgrading)
    upgrading.add_argument(
        "--backups", type=absolute, default=Path(places.BACKUPS), help="where to back up to"
    )
    upgrading.add_argument("--keep", type=count, default=14, help="backups to keep (14)")
    upgrading.set_defaults(act=lambda a: upgrade.upgrade(_sources_of(a), a.backups, a.keep))
    handing = verbs.add_parser("handover", help="write a site's secrets into a file for its box")
    handing.add_argument("site_id", metavar="SITE")
    handing.add_argument("--site", type=absolute, default=Path(places.SITE_FILE), help="the site file")
    handing.add_argument("--secrets", type=absolute, default=Path(places.SECRETS))
    handing.add_argument("--out", type=absolute, required=True)
    handing.set_defaults(act=_handover)


def _handover(arguments: argparse.Namespace) -> Iterable[str]:
    count = handover.write(arguments.site_id, arguments.site, arguments.secrets, arguments.out)
    yield f"{arguments.out}: {arguments.site_id}'s token and the link keys of {count} controllers, mode 0600"


def _gateway(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    installing = verbs.add_parser("install", help="users, folders, settings, systemd units of a site's box")
    _how(installing)
    installing.add_argument("--site", required=True, help="the site's id")
    installing.add_argument("--server-url", help="where the server is (what its settings say)")
    installing.add_argument("--tls-listen", required=True, help="ADDRESS:PORT on the controllers' network")
    installing.add_argument("--handover", type=absolute, help="what ./loquet server handover wrote")
    installing.set_defaults(
        act=lambda a: install.gateway(_how_of(a), a.site, a.server_url, a.tls_listen, a.handover)
    )


def _doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("subject", nargs="?", choices=("server", "gateway"), help="what is installed here")
    parser.add_argument("--config", type=absolute, help="its settings file (in /etc/loquet)")
    parser.set_defaults(act=lambda a: doctor.whatever(a.config, a.subject))


def _sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=absolute, default=Path(places.SERVER_SETTINGS), help="the settings")
    parser.add_argument("--site", type=absolute, default=Path(places.SITE_FILE), help="the site file")
    parser.add_argument("--secrets", type=absolute, default=Path(places.SECRETS))


def _sources_of(arguments: argparse.Namespace, *, with_secrets: bool = False) -> Sources:
    """Also makes root the server's own user."""
    try:
        settings = load_settings(arguments.config)
    except ConfigurationError as error:
        raise InstallationError(str(error)) from error
    folder = folder_of_data(settings)
    if folder.is_dir():
        identity.become_owner_of(folder)
    return Sources(settings, arguments.config, arguments.site, arguments.secrets, with_secrets)


def _backup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=absolute, metavar="DIR")
    _sources(parser)
    parser.add_argument(
        "--keep", type=count, default=0, help="delete older ones beyond this number (0: none)"
    )
    parser.add_argument("--with-secrets", action="store_true", help="put data key and secrets in as well")
    parser.set_defaults(act=lambda a: back_up(_sources_of(a, with_secrets=a.with_secrets), a.folder, a.keep))


def _restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=absolute, metavar="FILE")
    _sources(parser)
    parser.add_argument("--force", action="store_true", help="move the database that is there aside")
    parser.set_defaults(act=_restoring)


def _restoring(arguments: argparse.Namespace) -> Iterable[str]:
    yield from passwords.put_back(arguments.file, arguments.config)
    yield from restore(arguments.file, _sources_of(arguments), force=arguments.force)
