"""Numbers and times for people, in their language. Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import get_timezone_location

from server.locales import translate

DEFAULT_ZONE = ZoneInfo("Europe/Paris")
NO_LOWER_LIMIT = -20000
"""Hundredths of a degree; below this a limit is not one (a freezer has none)."""


def degrees(hundredths: int, language: str = "fr", digits: int = 1) -> str:
    """Hundredths of a degree: `3,6 °C` in French, `3.6 °C` in English; a true minus sign."""
    text = f"{abs(hundredths) / 100:.{digits}f}"
    sign = "−" if hundredths < 0 and float(text) != 0 else ""
    return f"{sign}{text if language == 'en' else text.replace('.', ',')}\u00a0°C"


def money(cents: int, currency: str, language: str) -> str:
    """`12,40 €` in French, `€12.40` in English; another currency by its code."""
    text = f"{cents / 100:.2f}"
    if currency == "EUR":
        return f"€{text}" if language == "en" else f"{text.replace('.', ',')}\u00a0€"
    return f"{text if language == 'en' else text.replace('.', ',')}\u00a0{currency}"


def local(at: datetime, zone: ZoneInfo = DEFAULT_ZONE) -> str:
    """A moment in a zone: `24/11 14:05`."""
    return f"{at.astimezone(zone):%d/%m %H:%M}"


def period(start: datetime, end: datetime, zone: ZoneInfo, language: str) -> str:
    """`du 24/11 à 14:00 au 25/11 à 20:00`."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    if first.date() == last.date():
        return translate(
            language,
            "le %(day)s de %(start)s à %(end)s",
            day=f"{first:%d/%m}",
            start=f"{first:%H:%M}",
            end=f"{last:%H:%M}",
        )
    return translate(
        language,
        "du %(first)s à %(start)s au %(last)s à %(end)s",
        first=f"{first:%d/%m}",
        start=f"{first:%H:%M}",
        last=f"{last:%d/%m}",
        end=f"{last:%H:%M}",
    )


def zone_name(zone: ZoneInfo, language: str) -> str:
    """Whose clock a time is by: `heure de Paris`, `Paris time`; a page is read where the clock hangs, a mail
    anywhere."""
    place = get_timezone_location(zone, locale=language, return_city=True)
    return place if place == "UTC" else translate(language, "heure de %(place)s", place=place)


def duration(seconds: int, language: str) -> str:
    """`45 s`, `12 min`, `3 h 20`, `2 j`."""
    if seconds < 120:
        return f"{seconds}\u00a0s"
    if seconds < 7200:
        return f"{seconds // 60}\u00a0min"
    if seconds < 172800:
        minutes = f"\u00a0{seconds % 3600 // 60:02d}" if seconds % 3600 >= 60 else ""
        return f"{seconds // 3600}\u00a0h{minutes}"
    return translate(language, "%(days)s j", days=seconds // 86400)


def age(seconds: int, language: str) -> str:
    """`il y a 12 s`."""
    return translate(language, "il y a %(time)s", time=duration(max(seconds, 0), language))


def limits(low: int, high: int, language: str) -> str:
    """`limites −1,0 à 4,0 °C`, or `limite −18,0 °C` where there is no lower one."""
    if low <= NO_LOWER_LIMIT:
        return translate(language, "limite %(high)s", high=degrees(high, language))
    return translate(
        language, "limites %(low)s à %(high)s", low=degrees(low, language), high=degrees(high, language)
    )
