"""What an alarm says to people, in their language: on the page, in the mail. The title is the rule's own."""

from zoneinfo import ZoneInfo

from server.alarms import rules
from server.alarms.models import Alarm
from server.locales import translate
from server.locales.formats import degrees, zone_name
from server.lockers.models import Controller, Site, Zone

VALUED = (rules.WARM, rules.COLD, rules.BREACH)
"""Alarms whose value is a temperature."""


def place(language: str, alarm: Alarm, controller: Controller, zone: Zone | None) -> str:
    """Where: `Mur de la ferme, Froid, porte 4`."""
    parts = [controller.name]
    if alarm.zone_key:
        parts.append(zone.name if zone is not None else alarm.zone_key)
    if alarm.door:
        parts.append(translate(language, "porte %(number)s", number=alarm.door))
    if alarm.probe >= 0:
        parts.append(translate(language, "sonde %(number)s", number=alarm.probe + 1))
    return ", ".join(parts)


def title(language: str, alarm: Alarm, controller: Controller, zone: Zone | None) -> str:
    """One line: what and where."""
    what = translate(language, rules.RULES[alarm.kind].title)
    return f"{what} – {place(language, alarm, controller, zone)}"


def mail_text(
    language: str,
    alarm: Alarm,
    site: Site,
    controller: Controller,
    zone: Zone | None,
    *,
    link: str,
    late: bool,
) -> str:
    """The body of a mail to a manager."""
    hangs = ZoneInfo(site.timezone)
    local = alarm.opened_at.astimezone(hangs)
    lines = [
        translate(language, rules.RULES[alarm.kind].title),
        f"{site.name} – {place(language, alarm, controller, zone)}",
        translate(
            language,
            "Depuis le %(day)s à %(time)s (%(clock)s)",
            day=f"{local:%d/%m/%Y}",
            time=f"{local:%H:%M:%S}",
            clock=zone_name(hangs, language),
        ),
    ]
    if alarm.value is not None and alarm.kind in VALUED:
        measured = degrees(alarm.value, language)
        lines.append(translate(language, "Température mesurée : %(celsius)s", celsius=measured))
    if late:
        lines.append(translate(language, "Appris plus tard : le site était coupé du réseau."))
    lines += [
        "",
        translate(language, rules.RULES[alarm.kind].advice),
        "",
        f"{link}/manager/alarms#alarm-{alarm.id}",
    ]
    return "\n".join(lines)
