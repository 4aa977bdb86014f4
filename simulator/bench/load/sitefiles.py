"""Site files for the bench: as many banks or rooms as a line needs, everything else as on a farm."""

from collections.abc import Iterable

_HEAD = """\
[platform]
name = "Bench"
help = "02 33 00 00 00"
currency = "EUR"
hold_s = 7200

[[people]]
email = "manager@example.org"
name = "Manager"
role = "manager"

[[producers]]
id = "grower"
name = "Grower"
email = "grower@example.org"

[[shops]]
id = "shop"
name = "Shop"

[[products]]
id = "apples"
name = "Pommes 2 kg"
name_en = "Apples 2 kg"
producer = "grower"
climate = "ambient"
price_cents = 520
size = "M"
shelf_days = 20

[[products]]
id = "milk"
name = "Lait 1 l"
name_en = "Milk 1 l"
producer = "grower"
climate = "chilled"
max_c = 4.0
price_cents = 140
size = "M"
shelf_days = 9
"""

_SITE = """
[[sites]]
id = "{site}"
name = "{site}"
timezone = "Europe/Paris"
"""

_TIMES = """\
sample_s = {sample_s}
period_s = {period_s}
pulse_ms = 400
tries = 3
retry_s = 2
reopen_s = 300
use_s = 120
"""

_ZONE = """
[[sites.controllers.zones]]
id = "{zone}"
name = "{zone}"
climate = "chilled"
bus = {bus}
probes = [{probes}]
low_c = -1.0
high_c = 4.0
alert_c = 4.0
delay_s = 1800
silence_s = 600
ajar_s = 120
"""

_DOORS = """
[[sites.controllers.doors]]
numbers = "{first}-{last}"
zone = "{zone}"
board = {board}
first_channel = 1
size = "M"
item_sensor = true
"""


def probe(device: int, bus: int, number: int) -> str:
    """A DS18B20's ROM id with its checksum at the end."""
    rom = bytes((0x28, number & 0xFF, bus & 0xFF, device & 0xFF, device >> 8 & 0xFF, 0, 0))
    return (rom + bytes((crc8(rom),))).hex()


def crc8(data: bytes) -> int:
    """Maxim's checksum of 1-Wire ids (application note 27)."""
    crc = 0
    for byte in data:
        for bit in range(8):
            odd = (crc ^ byte >> bit) & 1
            crc = crc >> 1 ^ (0x8C if odd else 0)
    return crc


def _zone(device: int, zone: str, bus: int, probes: int) -> str:
    named = ", ".join(f'"{probe(device, bus, number)}"' for number in range(1, probes + 1))
    return _ZONE.format(zone=zone, bus=bus, probes=named)


def banks(site: str, names: Iterable[str], boards: int = 3) -> str:
    """A site of banks with 16 ambient doors on each lock board and no probes."""
    text = _HEAD + _SITE.format(site=site)
    for name in names:
        text += _bank(name, boards) + _TIMES.format(sample_s=5, period_s=60)
        for board in range(boards):
            text += _DOORS.format(first=16 * board + 1, last=16 * board + 16, zone="", board=board)
    return text


def _bank(name: str, boards: int) -> str:
    listed = ", ".join(f'{{kind = "8a80", address = {at + 1}, locks = 16}}' for at in range(boards))
    return (
        f'\n[[sites.controllers]]\nid = "{name}"\nkind = "bank"\nboard = "locker-bank"\n'
        f'name = "{name}"\nboards = [{listed}]\n'
    )


def full_wall(site: str, name: str, period_s: int = 5) -> str:
    """One bank as large as the bar says: 48 doors (32 chilled, 16 ambient), 8 probes on two buses."""
    text = _HEAD + _SITE.format(site=site) + _bank(name, 3) + _TIMES.format(sample_s=1, period_s=period_s)
    text += _zone(1, "left", 0, 4) + _zone(1, "right", 1, 4)
    for board, zone in enumerate(("left", "right", "")):
        text += _DOORS.format(first=16 * board + 1, last=16 * board + 16, zone=zone, board=board)
    return text


def _room(name: str) -> str:
    return (
        f'\n[[sites.controllers]]\nid = "{name}"\nkind = "room"\nboard = "cold-room"\n'
        f'name = "{name}"\nboards = []\n' + _TIMES.format(sample_s=5, period_s=60)
    )


def rooms(site: str, names: Iterable[str], probes: int = 2) -> str:
    """A site of controllers with one cold room each."""
    text = _HEAD + _SITE.format(site=site)
    for number, name in enumerate(names, 1):
        text += _room(name) + _zone(number, "chilled", 0, probes)
    return text


def farms(sites: dict[str, list[str]], zones: int, probes: int) -> str:
    """Sites of controllers with `zones` cold rooms each (`zone-1`, `zone-2`), `probes` in each."""
    text, number = _HEAD, 0
    for site, names in sites.items():
        text += _SITE.format(site=site)
        for name in names:
            number += 1
            text += _room(name)
            for zone in range(1, zones + 1):
                text += _zone(number, f"zone-{zone}", zone - 1, probes)
    return text
