"""What each alarm is: its urgency, whom it wakes, how it ends; and which record opens or closes which. Data,
and pure.

No alarm closes because data stopped. Each has its own rule (ISA-18.2: an alarm is something a person must
act on).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from firmware.contract import records

WARM, COLD, BREACH, NODATA, PROBE = records.WARM, records.COLD, "breach", records.NO_DATA, records.PROBE
JAM, FORCED, AJAR = records.JAM, records.FORCED, records.AJAR
WRONG_CODES, POWER, LOST, BABBLING = records.WRONG_CODES, records.POWER, "lost", "babbling"
TWO_GATEWAYS, CERTIFICATE = "twins", "certificate"
FLASH = records.FLASH
DEFROST = "defrost"

URGENT, HIGH, LOW = "urgent", "high", "low"

BY_RECORD = "record"
"""Closes when its own record or reading says that it is over."""
BY_LOOKING = "looking"
"""Closes when a named person has acknowledged it and its record says that it is over, whichever comes last.
"""
BY_RELEASE = "release"
"""Closes when a named person releases the block."""
BY_PERSON = "person"
"""Nothing can tell that it is over: closes when a named person has acknowledged it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of alarm. `texts` has one message id (French) a kind: page, mail and report say the same."""

    kind: str
    urgency: str
    closes: str
    mailed: bool
    title: str
    advice: str


def _(message: str) -> str:
    """Marks a text for translation; it is translated where it is shown."""
    return message


_RULES = (
    Rule(
        BREACH,
        URGENT,
        BY_RELEASE,
        True,
        _("Température hors limite trop longtemps"),
        _("Contrôlez les produits, jetez ou déplacez, puis libérez avec un motif."),
    ),
    Rule(
        NODATA,
        URGENT,
        BY_RECORD,
        True,
        _("Plus aucune température"),
        _("Mesurez à la main et vérifiez les sondes et l'alimentation du contrôleur."),
    ),
    Rule(
        FORCED,
        URGENT,
        BY_LOOKING,
        True,
        _("Porte ouverte sans autorisation"),
        _("Allez voir la porte et son contenu, puis acquittez avec ce que vous avez constaté."),
    ),
    Rule(
        JAM,
        HIGH,
        BY_RECORD,
        True,
        _("Serrure coincée"),
        _("La porte n'a pas bougé après plusieurs essais. Poussez-la ou ouvrez à distance."),
    ),
    Rule(
        WARM,
        HIGH,
        BY_RECORD,
        False,
        _("Trop chaud, pas encore hors limite"),
        _("Fermez les portes et vérifiez le groupe froid avant que le délai soit écoulé."),
    ),
    Rule(
        COLD,
        HIGH,
        BY_RECORD,
        False,
        _("Trop froid"),
        _("Risque de gel : vérifiez le réglage du groupe froid."),
    ),
    Rule(
        DEFROST,
        LOW,
        BY_RECORD,
        False,
        _("Remontée après dégivrage"),
        _("La température doit redescendre dans l'heure qui suit le dégivrage."),
    ),
    Rule(
        PROBE,
        HIGH,
        BY_RECORD,
        True,
        _("Sonde en défaut"),
        _("L'autre sonde surveille encore la zone. Rebranchez ou remplacez la sonde."),
    ),
    Rule(
        AJAR,
        HIGH,
        BY_RECORD,
        True,
        _("Porte restée ouverte"),
        _("Fermez la porte : le froid s'échappe."),
    ),
    Rule(
        WRONG_CODES,
        LOW,
        BY_PERSON,
        True,
        _("Trop de codes faux au clavier"),
        _("Le clavier demande maintenant le code long. Quelqu'un essaie peut-être des codes."),
    ),
    Rule(
        POWER,
        HIGH,
        BY_RECORD,
        True,
        _("Alimentation coupée"),
        _("Vérifiez le disjoncteur. Les portes restent verrouillées, le froid remonte."),
    ),
    Rule(
        FLASH,
        HIGH,
        BY_RECORD,
        True,
        _("Mémoire du contrôleur en défaut"),
        _("Ce qu'il n'a pas pu écrire serait oublié à la prochaine coupure. Remplacez le contrôleur."),
    ),
    Rule(
        LOST,
        HIGH,
        BY_RECORD,
        True,
        _("Contrôleur injoignable"),
        _("Les codes connus ouvrent toujours. Vérifiez le courant et le câble réseau."),
    ),
    Rule(
        BABBLING,
        LOW,
        BY_PERSON,
        True,
        _("Contrôleur trop bavard"),
        _("Ses messages en trop sont comptés et écartés ; le reste du site n'en souffre pas."),
    ),
    Rule(
        TWO_GATEWAYS,
        HIGH,
        BY_RECORD,
        True,
        _("Deux passerelles pour un même site"),
        _(
            "Une carte copiée, ou une boîte de rechange allumée à côté de l'ancienne : seule la dernière"
            " démarrée est écoutée. Éteignez celle qui est de trop, puis redémarrez l'autre : ce que celle-ci"
            " a gardé arrivera."
        ),
    ),
    Rule(
        CERTIFICATE,
        HIGH,
        BY_RECORD,
        True,
        _("Le certificat de ce serveur expire bientôt"),
        _("Renouvelez-le : sans lui, aucune passerelle ne parle plus à ce serveur."),
    ),
)

RULES: Mapping[str, Rule] = {rule.kind: rule for rule in _RULES}


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alarm is about; with its kind, its identity: one open alarm at a time. About a site's gateway
    if `site` is given, else about the controller `device`."""

    device: str
    zone: str = ""
    door: int = 0
    probe: int = -1
    site: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """An alarm begins or what caused it ends."""

    kind: str
    begins: bool
    subject: Subject
    value: int | None = None
    block: str = ""


def from_record(device: str, record: Mapping[str, object]) -> list[Change]:
    """What a controller's record means for its alarms. The record has passed `records.check`."""
    kind = record["k"]
    if kind == "alarm":
        return _from_alarm(device, record)
    if kind == "block" and record["r"] != records.NO_DATA:
        return _breach(device, record, begins=True)
    if kind == "lock":
        return _from_lock(device, record)
    if kind == "door":
        return _from_door(device, record)
    if kind == "probe":
        subject = Subject(device, zone=str(record["z"]), probe=_int(record["p"]))
        return [Change(PROBE, record["h"] != records.GOOD, subject)]
    return []


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0


def _from_alarm(device: str, record: Mapping[str, object]) -> list[Change]:
    kind = str(record["a"])
    if kind not in RULES:
        return []
    value = record.get("val")
    subject = Subject(
        device,
        zone=str(record.get("z", "")) if "d" not in record else "",
        door=_int(record.get("d", 0)),
        probe=_int(record.get("p", -1)) if kind == PROBE else -1,
    )
    return [Change(kind, record["s"] == 1, subject, value if isinstance(value, int) else None)]


def _breach(device: str, record: Mapping[str, object], *, begins: bool) -> list[Change]:
    if record["r"] not in (WARM, COLD, "temperature", BREACH):
        return []
    value = record.get("val")
    return [
        Change(
            BREACH,
            begins,
            Subject(device, zone=str(record["z"])),
            value if isinstance(value, int) else None,
            str(record["id"]),
        )
    ]


def _from_lock(device: str, record: Mapping[str, object]) -> list[Change]:
    subject = Subject(device, door=_int(record["d"]))
    if record["o"] == records.JAMMED:
        return [Change(JAM, True, subject)]
    if record["o"] == records.OPENED:
        return [Change(JAM, False, subject)]
    return []


def _from_door(device: str, record: Mapping[str, object]) -> list[Change]:
    subject = Subject(device, door=_int(record["d"]))
    if record["s"] == 1 and record["x"] == 1:
        return [Change(FORCED, True, subject)]
    if record["s"] == 0:
        return [Change(AJAR, False, subject), Change(FORCED, False, subject), Change(JAM, False, subject)]
    return []


def closes_now(kind: str, *, over: bool, acknowledged: bool) -> bool:
    """Whether an alarm ends, given that its cause is over and that a person has acknowledged it."""
    rule = RULES[kind]
    if rule.closes == BY_PERSON:
        return acknowledged
    if rule.closes == BY_LOOKING:
        return over and acknowledged
    return over
