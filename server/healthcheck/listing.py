"""The list itself: what is asked, in which order. The database first, for most of the others need it."""

from server.foundation.context import Context
from server.healthcheck import charts, database, host, machine, sites, work
from server.healthcheck.check import BAD, Check
from server.telemetry.choice import view_of


def checks(context: Context, running: str = host.RUNS, *, thorough: bool = False) -> list[Check]:
    """Everything worth a line, of this server and what it hears.

    `running` is what `host.running_here` or `host.running_there` said. A page asks for the quick ones (some
    milliseconds); `thorough` also reads the whole file and recomputes the chains, which takes seconds.
    """
    now, settings = context.clock.now(), context.settings
    store = database.database(context)
    found = [
        work.running(running),
        store,
        machine.disk(settings),
        machine.clock(),
        machine.data_key(settings),
    ]
    if context.store.writer.dialect.name == "sqlite":
        found.append(machine.sqlite())
    if store.state != BAD:
        if thorough:
            found += [each for each in [database.integrity(context)] if each is not None]
        with context.store.read() as session:
            found += [
                work.timers(session, now),
                work.outbox(session, settings, now),
                work.given_up(session),
                work.refunds(session, now),
                *sites.gateways(session, now),
                sites.dead_letters(session, now),
                charts.charts(view_of(context).status(session), now),
                work.backup(session, now),
            ]
            if thorough:
                found.append(database.chains(session))
    if thorough:
        found.append(work.relay_answers(settings))
    found.append(work.payments(settings))
    return found
