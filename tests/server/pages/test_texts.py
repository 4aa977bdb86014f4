"""English is complete, and nothing is formatted for the wrong reader."""

import re
from zoneinfo import ZoneInfo

from server.locales import DOMAIN_FOLDER, choose, translate
from server.locales.catalogue import read, texts, updated
from server.locales.formats import degrees as celsius
from server.locales.formats import duration, limits, money, zone_name

PLACEHOLDER = re.compile(r"%\((\w+)\)s|\{(\w+)\}")


def test_every_text_has_its_english_and_no_text_is_left_over() -> None:
    catalogue = read(DOMAIN_FOLDER / "en.po")
    today = texts()
    missing = [text for text in today if not (message := catalogue.get(text)) or not message.string]
    assert missing == []
    assert [message.id for message in catalogue if message.id and message.id not in today] == []
    assert [message.id for message in catalogue if message.id and message.fuzzy] == []
    assert len(list(updated(DOMAIN_FOLDER / "en.po"))) == len(list(catalogue))


def test_a_translation_has_the_same_places_to_fill() -> None:
    for message in read(DOMAIN_FOLDER / "en.po"):
        if message.id:
            assert set(PLACEHOLDER.findall(str(message.id))) == set(PLACEHOLDER.findall(str(message.string)))


def test_numbers_are_written_for_their_readers() -> None:
    assert celsius(364, "fr") == "3,6\u00a0°C"
    assert celsius(-1800, "en") == "−18.0\u00a0°C"
    assert celsius(-2, "fr") == "0,0\u00a0°C"
    assert money(1240, "EUR", "fr") == "12,40\u00a0€"
    assert money(1240, "EUR", "en") == "€12.40"
    assert duration(45, "fr") == "45\u00a0s"
    assert duration(12000, "fr") == "3\u00a0h\u00a020"
    assert duration(259200, "en") == "3 d"
    assert limits(-30000, -1800, "fr") == "limite −18,0\u00a0°C"


def test_language_is_chosen_in_order() -> None:
    assert choose("en", "fr", "fr") == "en"
    assert choose(None, "en", "fr") == "en"
    assert choose("xx", None, "de;q=1, en-US;q=0.5") == "en"
    assert choose(None, None, None) == "fr"
    assert translate("en", "Payer %(amount)s", amount="€3.00") == "Pay €3.00"


def test_a_time_in_a_mail_names_its_clock() -> None:
    assert zone_name(ZoneInfo("Europe/Paris"), "fr") == "heure de Paris"
    assert zone_name(ZoneInfo("Europe/Paris"), "en") == "Paris time"
    assert zone_name(ZoneInfo("Indian/Reunion"), "fr") == "heure de La Réunion"
    assert zone_name(ZoneInfo("UTC"), "fr") == "UTC"
