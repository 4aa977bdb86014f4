"""What a site file may not say though each of its lines is right by itself: one name for two things, limits
and intervals that contradict each other.

Every function raises ValueError with a sentence that names the thing; pydantic puts the place before it.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from server.sitefile.document import ControllerPart, SiteFile, ZonePart

COOLED = ("chilled", "frozen")


def once(what: str, names: Iterable[object]) -> None:
    """Each name stands for one thing."""
    seen: set[object] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name} appears twice")
        seen.add(name)


def timezone(name: str) -> None:
    """A zone that this machine knows."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"the time zone {name!r} is not known; write one such as Europe/Paris") from error


def zone(part: "ZonePart") -> None:
    """Limits that leave room between them, and something to measure with."""
    if part.low_c >= part.high_c:
        raise ValueError(f"zone {part.id}: low_c must be below high_c")
    if not part.low_c < part.alert_c <= part.high_c:
        raise ValueError(f"zone {part.id}: alert_c must lie above low_c, and not above high_c")
    if part.climate in COOLED and not part.probes:
        raise ValueError(f"zone {part.id} is {part.climate} and has no probe")


def controller(part: "ControllerPart") -> None:
    """Boards that can be told apart on their bus, and intervals that fit into each other."""
    once("the board", (f"{board.kind} with address {board.address}" for board in part.boards))
    once("the zone", (each.id for each in part.zones))
    if part.sample_s > part.period_s:
        raise ValueError(f"{part.id}: sample_s must not be longer than period_s")
    if part.tries * part.retry_s >= part.use_s:
        raise ValueError(f"{part.id}: use_s is over before the tries of a jammed lock are")
    for each in part.zones:
        if each.silence_s < 2 * part.sample_s:
            raise ValueError(f"zone {each.id}: silence_s must be two samples at least")
        if each.delay_s < part.sample_s:
            raise ValueError(f"zone {each.id}: delay_s must not be shorter than sample_s")
    for doors in part.doors:
        if not doors.run():
            raise ValueError(f"doors {doors.numbers} run backwards")


def platform(file: "SiteFile") -> None:
    """One name for one thing on the whole platform; a probe's id is unique in the world."""
    once("the site", (site.id for site in file.sites))
    once("the producer", (producer.id for producer in file.producers))
    once("the product", (product.id for product in file.products))
    once("the shop", (shop.id for shop in file.shops))
    once("the person", (person.email.lower() for person in file.people))
    zones = [each for site in file.sites for part in site.controllers for each in part.zones]
    once("the probe", (probe for each in zones for probe in each.probes))


def hold(hold_s: int, session_s: int, provider: str) -> None:
    """A hold outlives the payment session at the provider: else money comes for what was let go. Raises
    ValueError."""
    if hold_s < session_s:
        raise ValueError(
            f"platform.hold_s must be at least {session_s}: so long can a session at {provider} be paid"
        )
