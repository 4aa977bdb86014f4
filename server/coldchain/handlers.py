"""Which records and timers the cold chain, the telemetry and the alarms answer to."""

from server.alarms import service as alarms
from server.coldchain import notices
from server.coldchain import service as coldchain
from server.foundation import timers
from server.gateways.dispatch import register, register_run
from server.telemetry import intake

SILENCE_EVERY_S = 5


def wire() -> None:
    """Registers the handlers; after those of lockers and orders, whose blocks and doors they read."""
    register_run("r", intake.on_readings)
    register_run("r", coldchain.on_readings)
    register("gap", intake.on_gap)
    register("gap", coldchain.on_gap)
    register("boot", intake.on_boot)
    for kind in ("alarm", "block", "lock", "door", "probe"):
        register(kind, alarms.on_record)
    register("block", notices.on_block)
    register("release", alarms.on_release)
    register("release", notices.on_release)
    register("presence", alarms.on_presence)
    register("quota", alarms.on_quota)
    timers.every("alarms.lost", SILENCE_EVERY_S, alarms.tell_lost)
    timers.every("coldchain.silence", SILENCE_EVERY_S, coldchain.check_silence)
