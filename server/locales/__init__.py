"""Texts, numbers and times on screens and in mails, for their readers: French is the message id, `en.po` the
complete English. Imports nothing of ours.
"""

import gettext
import io
from functools import cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = ("fr", "en")
DEFAULT = "fr"
DOMAIN_FOLDER = Path(__file__).parent


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue of a language; French needs none, for its texts are the message ids."""
    if language == DEFAULT or language not in LANGUAGES:
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    with (DOMAIN_FOLDER / f"{language}.po").open("rb") as source:
        write_mo(compiled, read_po(source, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def translate(language: str, message: str, **values: object) -> str:
    """A text in a language with `%(name)s` filled in."""
    text = translations(language).gettext(message)
    return text % values if values else text


def choose(asked: str | None, remembered: str | None, accept: str | None) -> str:
    """The language to show: asked for, else remembered, else the browser's first that is ours, or French."""
    for wish in (asked, remembered):
        if wish in LANGUAGES:
            return str(wish)
    for part in (accept or "").split(","):
        short = part.split(";")[0].strip().lower()[:2]
        if short in LANGUAGES:
            return short
    return DEFAULT
