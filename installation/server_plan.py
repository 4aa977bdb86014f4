"""What a server's machine gets."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from installation import notes, places, settings_text, units
from installation.acts import ROOT, Act, MakeFolder, MakeUser, Owner, Plan, Run, WriteFile

LISTEN = "127.0.0.1:8000"


@dataclass(frozen=True)
class Wishes:
    """What the person said: where the program is, as whom it runs, its public address, backups to keep."""

    program: str
    user: str
    base_url: str
    keep: int


def plan(wishes: Wishes, settings: str | None) -> Plan:
    """`settings`: the text of a settings file that is there already, which stays as it is."""
    own = Owner(wishes.user, wishes.user)
    readable = Owner("root", wishes.user)
    host = urlsplit(wishes.base_url).hostname or "loquet.example.org"
    chosen = {
        "database_url": f"sqlite:///{places.STATE}/server.db",
        "listen": LISTEN,
        "base_url": wishes.base_url,
        "data_key_file": f"{places.STATE}/data.key",
        "mail_from": f"loquet@{host}",
        "secure_cookies": True,
    }
    acts: list[Act] = [
        MakeUser(wishes.user, places.STATE),
        MakeFolder(places.SETTINGS, readable, 0o750),
        MakeFolder(places.STATE, own, 0o700),
        MakeFolder(places.BACKUPS, own, 0o700),
        MakeFolder(places.EXAMPLES, ROOT, 0o755),
        # It may hold the test provider's secret: root's, so that the service can't change its own orders.
        WriteFile(places.SERVER_SETTINGS, settings_text.server(chosen), readable, 0o640, keep=True),
        _unit(units.SERVER, units.server(wishes.program, wishes.user)),
        _unit(units.BACKUP, units.backup(wishes.program, wishes.user, wishes.keep)),
        _unit(units.BACKUP_TIMER, units.backup_timer()),
        _example("Caddyfile", notes.caddy(host, LISTEN)),
        _example("nginx.conf", notes.nginx(host, LISTEN)),
        _example("nftables-server.conf", notes.server_firewall()),
        Run(["systemctl", "daemon-reload"]),
        Run(["systemctl", "enable", units.SERVER, units.BACKUP_TIMER]),
    ]
    return Plan(acts, [*_changes(settings, wishes.base_url), *_steps(wishes)])


def _unit(name: str, text: str) -> WriteFile:
    return WriteFile(f"{places.UNITS}/{name}", text, ROOT, 0o644)


def _example(name: str, text: str) -> WriteFile:
    return WriteFile(f"{places.EXAMPLES}/{name}", text, ROOT, 0o644)


def _changes(settings: str | None, base_url: str) -> list[str]:
    if settings is None:
        return []
    return [
        *settings_text.differing(settings, {"base_url": base_url}, places.SERVER_SETTINGS),
        *settings_text.missing(settings, settings_text.server_keys()),
    ]


def _steps(wishes: Wishes) -> list[str]:
    program, user = f"{wishes.program}/loquet", f"runuser -u {wishes.user} --"
    setup = (
        f"{user} {program} server setup --config {places.SERVER_SETTINGS}"
        f" --site {places.SITE_FILE} --secrets {places.SECRETS}"
    )
    return [
        f"look through {places.SERVER_SETTINGS}; name a mail relay (smtp)",
        f"describe your platform in {places.SITE_FILE}; to begin with:"
        f" cp {wishes.program}/simulator/scenarios/farm.toml {places.SITE_FILE}",
        setup,
        f"systemctl start {units.SERVER} {units.BACKUP_TIMER}",
        f"put a proxy with TLS in front: {places.EXAMPLES}/Caddyfile or nginx.conf;"
        f" and a firewall: {places.EXAMPLES}/nftables-server.conf",
        f"{program} doctor server",
        f"log in: {user} {program} server login-link --config {places.SERVER_SETTINGS} YOUR@ADDRESS",
    ]
