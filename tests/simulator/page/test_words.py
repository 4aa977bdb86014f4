"""Both languages are complete, and every word that is used exists."""

import re

import pytest

from simulator.page.app import HERE
from simulator.page.words import LANGUAGES, WORDS, language, words

USED = re.compile(r"""words\["([a-z.]+)"\]|words\['([a-z.]+)'\]|say\("([a-z.]+)\"""")
PREFIXES = ("climate.", "stand.", "mark.", "compressor.", "log.", "detail.", "node.", "page.")
"""Words whose last part is a state's own name."""
ASKED_FOR = re.compile(r'"([a-z]+(?:\.[a-z]+)?)"')


def sources() -> dict[str, str]:
    files = [*(HERE / "templates").glob("*.html"), *(HERE / "static").glob("*.js"), *HERE.glob("*.py")]
    return {path.name: path.read_text(encoding="utf-8") for path in files if path.name != "words.py"}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_is_left_unsaid(lang: str) -> None:
    assert all(text.strip() for text in words(lang).values())


def test_both_languages_ask_for_the_same_values() -> None:
    for key, (french, english) in WORDS.items():
        assert re.findall(r"\{\w+\}", french) == re.findall(r"\{\w+\}", english), key


def test_every_word_used_is_known() -> None:
    used = {key for text in sources().values() for found in USED.findall(text) for key in found if key}
    assert used
    assert used <= WORDS.keys()


def test_every_word_is_used() -> None:
    everything = "\n".join(sources().values())
    named = set(ASKED_FOR.findall(everything)) | {key for found in USED.findall(everything) for key in found}
    unused = {key for key in WORDS if key not in named and not key.startswith(PREFIXES)}
    assert unused == set()


def test_an_unknown_language_is_answered_in_french() -> None:
    assert [language(asked) for asked in ("en", "fr", "de", None)] == ["en", "fr", "fr", "fr"]
