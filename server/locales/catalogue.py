"""Keeps `en.po` in step with the texts in code and templates: `python -m server.locales.catalogue` adds what
is missing.

A text is found where it is written: `_("…")` in templates and tables, `say("…")`, `translate(language,
"…")`.
"""

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from server.locales import DOMAIN_FOLDER

SERVER = DOMAIN_FOLDER.parent
KEYWORDS = {"_": None, "say": None, "translate": (2,)}


def texts() -> dict[str, list[str]]:
    """Every text to translate, with the files (relative to `server/`) it stands in."""
    found: dict[str, list[str]] = {}
    sources = [(path, "jinja2.ext:babel_extract") for path in sorted((SERVER / "templates").rglob("*.html"))]
    sources += [(path, "python") for path in sorted(SERVER.rglob("*.py"))]
    for path, method in sources:
        for _line, message, _comments, _context in extract_from_file(method, path, keywords=KEYWORDS):
            text = message if isinstance(message, str) else message[0]
            files = found.setdefault(text, [])
            name = path.relative_to(SERVER).as_posix()
            if name not in files:
                files.append(name)
    return found


def read(path: Path) -> Catalog:
    """A catalogue from its file."""
    with path.open("rb") as source:
        return read_po(source, locale="en")


def updated(path: Path) -> Catalog:
    """The catalogue with every text of today, its translations kept, what is no longer used gone."""
    old = read(path) if path.exists() else Catalog(locale="en")
    new = Catalog(locale="en", project="Loquet", version="1", fuzzy=False)
    for text, files in sorted(texts().items(), key=lambda pair: (pair[1][0], pair[0])):
        known = old.get(text)
        translation = known.string if known is not None else ""
        new.add(text, translation, [(name, 0) for name in files])
    return new


def write(path: Path, catalogue: Catalog) -> None:
    """Writes a catalogue, without dates, so that only texts make a difference."""
    with path.open("wb") as target:
        write_po(target, catalogue, width=110, omit_header=True, include_lineno=False)


if __name__ == "__main__":
    write(DOMAIN_FOLDER / "en.po", updated(DOMAIN_FOLDER / "en.po"))
