"""Every line of the keypad's display, French above and English below: four rows of 20 characters, ASCII
(HD44780 ROM A00).

The only table of words in the controller. `{0}`, `{1}` are filled in and cut to the row; accents are folded.
"""

ROWS = 4
COLUMNS = 20

TEXTS: dict[str, tuple[str, str, str, str]] = {
    "welcome": ("Bonjour ! Votre code", "puis ouverture", "Hello! Type your", "collection code"),
    "typing": ("Code :", "{0}", "# effacer / clear", "* code long / long"),
    "typing_long": ("Code long :", "{0}", "Long code:", "# effacer / clear"),
    "slip": ("Faute de frappe", "Recommencez", "Typing slip", "Please try again"),
    "checking": ("Un instant...", "", "One moment...", ""),
    "open": ("Porte {0} ouverte", "{1}", "Door {0} is open", "Fermez / then close"),
    "opening": ("Porte {0} s'ouvre", "{1}", "Door {0} is opening", ""),
    "next": ("Porte {0} ensuite", "{1}", "Next: door {0}", ""),
    "thanks": ("Merci, bon appetit !", "", "Thank you, enjoy!", ""),
    "loaded": ("Porte {0} chargee", "", "Door {0} loaded", ""),
    "not_loaded": ("Porte {0} vide", "Retapez votre code", "Door {0} is empty", "Type code again"),
    "kept": ("Produits restes", "porte {0}: retapez", "Goods still inside", "door {0}: type again"),
    "doubtful": ("Porte {0} fermee", "Merci", "Door {0} closed", "Thank you"),
    "jam": ("Porte {0} bloquee", "Appelez", "Door {0} is stuck", "{1}"),
    "unknown": ("Code inconnu", "Essais : {0}", "Unknown code", "Tries left: {0}"),
    "early": ("Pas encore pret", "manque {0}", "Not ready yet", "missing {0}"),
    "used": ("Code deja utilise", "Aide {0}", "Code already used", ""),
    "expired": ("Code expire", "Aide {0}", "Code has expired", ""),
    "blocked": ("Froid: porte bloquee", "Ne pas consommer", "Cold fault: blocked", "{0}"),
    "held": ("Porte bloquee", "Appelez", "Door blocked, call", "{0}"),
    "throttled": ("Trop d'essais", "Tapez le code long", "Too many tries:", "type the long code"),
    "notyet": ("Trop tot", "Aide {0}", "Too early", ""),
    "noclock": ("Horloge a regler", "Aide {0}", "Clock is not set", ""),
    "warm": ("ALARME FROID", "Zone {0}  {1} C", "COLD CHAIN ALARM", ""),
    "nodata": ("SONDE MUETTE", "Zone {0}", "NO PROBE DATA", ""),
    "unready": ("Hors service", "Pas de reglages", "Out of service", "Not configured"),
    "gone": ("A bientot", "", "Goodbye", ""),
}
"""Name → four rows: French, French, English, English."""

_FOLD_FROM = "àâäçéèêëîïôöùûüÿœæÀÂÄÇÉÈÊËÎÏÔÖÙÛÜŸŒÆ’‘“”«»–—°€\u00a0\u202f"
_FOLD_TO = 'aaaceeeeiioouuuyoaAAACEEEEIIOOUUUYOA\'\'""""--oE  '


def ascii_fold(text: str) -> str:
    """`text` in the characters the display has: accents folded, anything else foreign as `?`."""
    folded = ""
    for char in text:
        at = _FOLD_FROM.find(char)
        if at >= 0:
            folded += _FOLD_TO[at]
        else:
            folded += char if " " <= char <= "~" else "?"
    return folded


def row(text: str) -> str:
    """Exactly one row of the display."""
    return (ascii_fold(text) + " " * COLUMNS)[:COLUMNS]


def screen(name: str, first: str = "", second: str = "") -> list[str]:
    """The four rows, of 20 characters each, of the text `name` with its values filled in."""
    return [row(line.replace("{0}", first).replace("{1}", second)) for line in TEXTS[name]]


def degrees(hundredths: int) -> str:
    """Hundredths of a degree as people read them: `-18.5`, rounded to a tenth."""
    tenths = (abs(hundredths) + 5) // 10
    return ("-" if hundredths < 0 and tenths else "") + str(tenths // 10) + "." + str(tenths % 10)
