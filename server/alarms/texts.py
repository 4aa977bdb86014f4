"""What an alarm says to people, in their language: on the page, in the mail. The title is the rule's own."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from server.alarms import rules
from server.alarms.models import Alarm
from server.foundation.clock import from_unix
from server.locales import translate
from server.locales.formats import degrees, zone_name
from server.lockers.models import Controller, Site, Zone

VALUED = (rules.WARM, rules.COLD, rules.BREACH)
"""Alarms whose value is a temperature."""


@dataclass(frozen=True, slots=True)
class Where:
    """What an alarm is about: without a controller, the site's gateway."""

    site: Site
    controller: Controller | None = None
    zone: Zone | None = None


def place(language: str, alarm: Alarm, where: Where) -> str:
    """Where: `Mur de la ferme, Froid, porte 4`, or `Passerelle ferme`."""
    if where.controller is None:
        return translate(language, "Passerelle %(site)s", site=where.site.id)
    parts = [where.controller.name]
    if alarm.zone_key:
        parts.append(where.zone.name if where.zone is not None else alarm.zone_key)
    if alarm.door:
        parts.append(translate(language, "porte %(number)s", number=alarm.door))
    if alarm.probe >= 0:
        parts.append(translate(language, "sonde %(number)s", number=alarm.probe + 1))
    return ", ".join(parts)


def title(language: str, alarm: Alarm, where: Where) -> str:
    """One line: what and where."""
    what = translate(language, rules.RULES[alarm.kind].title)
    return f"{what} – {place(language, alarm, where)}"


def until(language: str, alarm: Alarm, where: Where) -> str:
    """Until which day what ends soon is good, in the site's own time; empty for other alarms."""
    if alarm.kind != rules.CERTIFICATE or alarm.value is None:
        return ""
    day = from_unix(alarm.value).astimezone(ZoneInfo(where.site.timezone))
    return translate(language, "Bon jusqu'au %(day)s", day=f"{day:%d/%m/%Y}")


def mail_text(language: str, alarm: Alarm, where: Where, *, link: str, late: bool) -> str:
    """The body of a mail to a manager."""
    hangs = ZoneInfo(where.site.timezone)
    local = alarm.opened_at.astimezone(hangs)
    lines = [
        translate(language, rules.RULES[alarm.kind].title),
        f"{where.site.name} – {place(language, alarm, where)}",
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
    if ends := until(language, alarm, where):
        lines.append(ends)
    if late:
        lines.append(translate(language, "Appris plus tard : le site était coupé du réseau."))
    lines += [
        "",
        translate(language, rules.RULES[alarm.kind].advice),
        "",
        f"{link}/manager/alarms#alarm-{alarm.id}",
    ]
    return "\n".join(lines)
