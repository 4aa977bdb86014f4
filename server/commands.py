"""What the command line does: serve, set up, print a login link, print the OpenAPI document."""

import gc
import logging
from pathlib import Path
from typing import Any

import psycopg
import uvicorn
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from server.app import create_app, create_context
from server.background import Background
from server.foundation import migrate
from server.foundation.context import Context
from server.foundation.errors import ConfigurationError
from server.foundation.settings import Settings, load_settings
from server.gateways.restored import begin_again
from server.payments.provider import provider
from server.people import logins
from server.sitefile import document, loading, refusals, secrets_file
from server.telemetry import anew, choice
from server.telemetry.influx import feeder

_NO_PLACE = (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName)
"""What PostgreSQL answers to a user who may make no tables, or has no schema to make them in."""
KEEP_ALIVE_S = 150
"""An idle connection is ended by whoever made it, never by us: a request on its way just then would be lost.
Caddy keeps one to its upstream 120 s, nginx 60 s, our gateway (httpx) 5 s."""

_COLLECTED_AFTER = (20_000, 20, 20)
"""A batch of readings makes thousands of objects and no cycle: at Python's own 700 the collector takes a
third of the time."""


class _Server(uvicorn.Server):
    """Tells waiting polls and live pages that it is stopping, so that a stop takes a moment, not a poll."""

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Signal handler."""
        app = self.config.app
        app.state.stopping = True  # type: ignore[union-attr]
        super().handle_exit(sig, frame)


def run(config: Path) -> None:
    """Serves until SIGINT or SIGTERM. Refuses to start on a database that is not at the newest revision."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    settings = load_settings(config)
    context = create_context(settings)
    _must_be_current(context)
    host, _, port = settings.listen.rpartition(":")
    app = create_app(context)
    server = _Server(
        uvicorn.Config(
            app,
            host=host,
            port=int(port),
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
            timeout_keep_alive=KEEP_ALIVE_S,
            server_header=False,
        )
    )
    gc.collect()
    gc.freeze()  # what is here now stays: it need not be searched through again and again
    gc.set_threshold(*_COLLECTED_AFTER)
    background = Background(context)
    app.state.background = background
    background.start()
    try:
        server.run()
    finally:
        background.stop()
        context.store.close()


def _must_be_current(context: Context) -> None:
    """Raises ConfigurationError for a database that can't be read, or is not at the newest revision."""
    try:
        found = migrate.standing(context.store)
    except SQLAlchemyError as error:
        # Its text may name a host and a user; the class of it says enough, and nothing else.
        why = type(getattr(error, "orig", None) or error).__name__
        todo = (
            "see that it runs, or put a backup back"
            if context.store.is_sqlite
            else "see that it runs, and that host, user, password and name in the settings are right"
        )
        raise ConfigurationError(
            f"the database can't be read ({why}): {todo} (docs/operations.md)"
        ) from error
    if found is not migrate.Standing.CURRENT:
        raise ConfigurationError(migrate.REMEDIES[found])


def _must_outlive_payment(context: Context, site: Path, site_file: document.SiteFile) -> None:
    """Raises ConfigurationError for a hold shorter than the provider's payment session."""
    chosen = provider(context)
    try:
        refusals.hold(site_file.platform.hold_s, chosen.session_s, chosen.name)
    except ValueError as error:
        raise ConfigurationError(f"{site}: {error}") from error


def _migrate(context: Context) -> None:
    """Raises ConfigurationError for a user who may not make tables, and for tables of a newer program."""
    if migrate.standing(context.store) is migrate.Standing.NEWER:
        raise ConfigurationError(migrate.REMEDIES[migrate.Standing.NEWER])
    try:
        migrate.upgrade(context.store)
    except ProgrammingError as error:
        if not isinstance(error.orig, _NO_PLACE):
            raise
        raise ConfigurationError(
            f"the database's user may not make its tables ({error.orig.diag.message_primary}): "
            "let it own the database (docs/operations.md)"
        ) from error


def setup(config: Path, site: Path, secrets: Path) -> None:
    """Migrates the database, completes the secrets file, loads the site file. Safe to run again."""
    settings = load_settings(config)
    site_file = document.read(site)
    context = create_context(settings)
    _must_outlive_payment(context, site, site_file)
    _migrate(context)
    kept = secrets_file.complete(secrets, site_file, context.ids.token, settings.webhook_secret)
    with context.store.write() as session:
        loading.load(session, context, site_file, kept)
    context.store.close()


def restored(config: Path) -> int:
    """To be run once on a database put back from a backup, before it serves; returns the number of
    controllers that get their documents anew."""
    context = create_context(load_settings(config))
    try:
        with context.store.write() as session:
            feeder.ask_for_rebuild(session)  # it may hold readings that the lost days took with them
            return begin_again(session, context)
    finally:
        context.store.close()


def rebuild_telemetry(config: Path, store: str) -> None:
    """Makes a view of the readings (`sql` or `influx`) anew from the ledger, and says how far it is."""
    context = create_context(load_settings(config))
    try:
        _must_be_current(context)
        make = anew.make_sql if store == "sql" else anew.make_influx
        make(context, lambda line: print(line, flush=True))
        choice.close(context)
    finally:
        context.store.close()


def login_link(config: Path, email: str) -> str:
    """A one-time link for a person, for the one who has the machine."""
    context = create_context(load_settings(config))
    try:
        with context.store.write() as session:
            return logins.make_link(session, context, email)
    finally:
        context.store.close()


def openapi() -> dict[str, Any]:
    """The OpenAPI document of the app, without any configuration."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(database_url="sqlite://", data_key_file=str(Path(folder) / "data.key"))
        return create_app(create_context(settings)).openapi()
