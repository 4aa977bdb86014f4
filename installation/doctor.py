"""`./loquet doctor`: each check in a line, `ok` or what to do. Looks only: makes no file, key or database."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from installation import box, places
from installation.backup import scratch
from installation.errors import InstallationError, Unwell
from server.foundation.clock import SystemClock
from server.foundation.context import Context
from server.foundation.database import Store
from server.foundation.errors import ConfigurationError
from server.foundation.ids import Ids
from server.foundation.settings import Settings, load_settings
from server.foundation.vault import Vault
from server.healthcheck import BAD, OK, WARN, Check, checks, host
from server.healthcheck.machine import folder_of_data

LANGUAGE = "en"
_WORDS = {OK: "ok", WARN: "look", BAD: "BAD"}


def lines(found: Iterable[Check]) -> Iterator[str]:
    """A line for each check, and one below that says what to do. Raises Unwell at the end if one is bad."""
    bad = 0
    for each in found:
        yield f"{_WORDS[each.state]:<5} {each.title_in(LANGUAGE)}: {each.said_in(LANGUAGE)}"
        if advice := each.advice_in(LANGUAGE):
            yield f"      -> {advice}"
        bad += each.state == BAD
    if bad:
        raise Unwell(f"{bad} of these must be seen to")


def server(config: Path) -> Iterator[str]:
    """The server whose settings are in `config`."""
    try:
        settings = load_settings(config)
    except ConfigurationError as error:
        yield from lines([_refused(str(error))])
        return
    yield from lines([_taken(config), *_of_server(settings)])


def _of_server(settings: Settings) -> list[Check]:
    clock = SystemClock()
    # The checks open nothing that is sealed, so no data key is needed, and none is made.
    context = Context(settings, Store(settings.database_url), clock, Ids(clock), Vault(bytes(32)))
    try:
        return [*checks(context, host.running_there(settings), thorough=True), *_left_behind(settings)]
    finally:
        context.store.close()


def _left_behind(settings: Settings) -> list[Check]:
    """What a backup or a restore left that was killed: whole databases, where nobody looks for them."""
    places_of_ours = dict.fromkeys((folder_of_data(settings), Path(places.BACKUPS)))
    try:
        found = [str(path) for place in places_of_ours if place.is_dir() for path in scratch.left(place)]
    except PermissionError:  # not its owner's doctor: it can't tell
        return []
    if not found:
        return []
    advice = "The next backup or restore there removes them; or rm -r each."
    return [
        Check(
            "left-behind",
            "Left by a killed backup or restore",
            WARN,
            "%(said)s",
            advice,
            {"said": ", ".join(found)},
        )
    ]


def gateway(config: Path) -> Iterator[str]:
    """The gateway whose settings are in `config`."""
    yield from lines(box.checks(config))


def whatever(config: Path | None, subject: str | None) -> Iterator[str]:
    """What was asked for; else what is installed here, both if both are."""
    installed = {
        "server": (Path(places.SERVER_SETTINGS), server),
        "gateway": (Path(places.GATEWAY_SETTINGS), gateway),
    }
    if config is not None and subject is None:
        raise InstallationError("whose settings are these? name server or gateway")
    wanted = [subject] if subject else [name for name, (file, _) in installed.items() if _there(file)]
    if not wanted:
        raise InstallationError("nothing is installed here: name server or gateway, and --config FILE")
    unwell: Unwell | None = None
    for name in wanted:
        file, doctor = installed[name]
        try:
            yield from doctor(config or file)
        except Unwell as error:
            unwell = error
    if unwell is not None:
        raise unwell


def _there(file: Path) -> bool:
    try:
        return file.exists()
    except PermissionError as error:
        raise InstallationError(f"{file} may not be looked at: run it as root, or as loquet") from error


def _taken(config: Path) -> Check:
    return Check("settings", "Settings", OK, "%(file)s", "", {"file": config})


def _refused(said: str) -> Check:
    return Check("settings", "Settings", BAD, "%(said)s", "Correct the file.", {"said": said})
