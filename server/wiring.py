"""Which subject hears which kind of record, and what timers do. The one list of it; a subject adds its
lines here."""

from server.alarms import gateways as gateway_alarms
from server.coldchain import handlers as cold_chain
from server.foundation import timers
from server.foundation.idempotency import forget_old
from server.gateways import presence, retention
from server.gateways.dispatch import register
from server.lockers import blocks, commands
from server.orders import ending, evidence, holding, paying
from server.people import logins
from server.telemetry import pruning


def wire() -> None:
    """Registers everything; safe to call again."""
    register("applied", evidence.on_applied)
    register("after", evidence.on_after)
    register("door", evidence.on_door)
    register("cmd", commands.on_cmd)
    register("undelivered", commands.on_undelivered)
    register("block", blocks.on_block)
    register("release", blocks.on_release)
    register("presence", presence.on_presence)
    timers.register(holding.LAPSE, holding.on_lapse)
    timers.register(paying.BIND, paying.on_bind)
    timers.register(paying.WINDOW, ending.on_window)
    timers.register(commands.TIMER, commands.on_silent)
    timers.every("idempotency.forget", 3600, forget_old)
    timers.every(retention.TIMER, 3600, retention.forget_old)
    timers.every("logins.forget", 3600, logins.forget_old)
    timers.every(gateway_alarms.TIMER, gateway_alarms.EVERY_S, gateway_alarms.look)
    timers.every(pruning.TIMER, pruning.EVERY_S, pruning.prune)
    cold_chain.wire()  # last: it reads the blocks and doors that the others write
