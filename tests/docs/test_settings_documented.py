"""Every key that a person may write is explained, and the examples in the documents are taken by the
programs.
"""

import re
from pathlib import Path

from pydantic import BaseModel

from gateway import settings as gateway_settings
from server.alarms import rules
from server.foundation.settings import Settings, load_settings
from server.sitefile import document
from tests.docs.test_documents import ROOT, fences

OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
TABLES: dict[str, type[BaseModel]] = {
    "platform": document.PlatformPart,
    "people": document.PersonPart,
    "producers": document.ProducerPart,
    "products": document.ProductPart,
    "shops": document.ShopPart,
    "sites": document.SitePart,
    "sites.controllers": document.ControllerPart,
    "sites.controllers.zones": document.ZonePart,
    "sites.controllers.doors": document.DoorsPart,
}
NESTED = {"zones", "doors", "controllers"}
"""Tables of their own."""


def _rows(text: str, columns: int) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in text.splitlines()
        if line.startswith("|") and line.count("|") == columns + 1
    ]


def _between(text: str, first: str, last: str) -> str:
    return text[text.index(first) : text.index(last)]


def test_the_servers_keys_and_defaults_are_in_its_page_and_in_the_example(tmp_path: Path) -> None:
    page = (ROOT / "docs/server.md").read_text(encoding="utf-8")
    rows = {row[0].strip("`"): row[1].strip("`") for row in _rows(_between(page, "## Settings", "## How"), 3)}
    for name, field in Settings.model_fields.items():
        default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        assert rows[name] == (default or "empty"), name
    [example] = [block for block in fences(OPERATIONS, "toml") if "database_url" in block]
    config = tmp_path / "server.toml"
    config.write_text(example)
    loaded = load_settings(config)
    assert loaded.database_url == "sqlite:////var/lib/loquet/server.db"
    assert set(re.findall(r"^(\w+) =", example, re.M)) <= set(Settings.model_fields)


def test_the_gateways_keys_are_explained_and_its_example_is_taken(tmp_path: Path) -> None:
    explained = {
        row[0].strip("`")
        for row in _rows(_between(OPERATIONS, "## A site's gateway", "## A new controller"), 2)
    }
    keys = {*gateway_settings._REQUIRED, *gateway_settings._OPTIONAL}
    assert keys <= explained
    [example] = [block for block in fences(OPERATIONS, "toml") if "tls_listen" in block]
    config = tmp_path / "gateway.toml"
    config.write_text(example)
    assert str(gateway_settings.read(config).store) == "/var/lib/loquet/gateway.db"
    contract = (ROOT / "docs/interfaces.md").read_text(encoding="utf-8")
    for key in keys:
        assert f"`{key}`" in contract, key


def test_every_key_of_the_site_file_is_explained() -> None:
    explained: dict[str, set[str]] = {}
    table = ""
    for first, keys, _ in _rows(_between(OPERATIONS, "### The site file", "## A site's gateway"), 3):
        table = first.strip("`[] ") or table
        explained.setdefault(table, set()).update(re.findall(r"`(\w+)`", keys))
    for name, part in TABLES.items():
        assert set(part.model_fields) - NESTED == explained[name], name
    tops = {name.partition(".")[0] for name in TABLES} | {"acts"}
    assert set(document.SiteFile.model_fields) == tops


def test_every_alarm_has_its_line() -> None:
    rows = _rows(_between(OPERATIONS, "<!-- alarms -->", "<!-- end of alarms -->"), 5)[2:]
    listed = {
        match.group(1): (row[1], row[2] == "yes")
        for row in rows
        if (match := re.match(r"`(\w+)`", row[0])) is not None
    }
    assert listed == {kind: (rule.urgency, rule.mailed) for kind, rule in rules.RULES.items()}
