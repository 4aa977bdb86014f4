"""One line of the list: what was looked at, how it is, and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from server.locales import translate
from server.locales.formats import duration

State = Literal["ok", "warn", "bad"]
OK: State = "ok"
WARN: State = "warn"
BAD: State = "bad"


@dataclass(frozen=True, slots=True)
class Check:
    """Texts are message ids, French; `said_in` and `advice_in` make sentences of them for a reader.

    `name` is stable: `database`, `gateway:ferme`. `advice` is empty where there is nothing to do. A
    `timedelta` among `values` becomes `3 h 20`. No value is ever a secret or a person's address.
    """

    name: str
    title: str
    state: State
    said: str
    advice: str = ""
    values: Mapping[str, object] = field(default_factory=dict)

    def title_in(self, language: str) -> str:
        """What was looked at."""
        return self._fill(self.title, language)

    def said_in(self, language: str) -> str:
        """How it is."""
        return self._fill(self.said, language)

    def advice_in(self, language: str) -> str:
        """What to do; empty where there is nothing."""
        return self._fill(self.advice, language) if self.advice else ""

    def _fill(self, text: str, language: str) -> str:
        shown = {
            key: duration(int(value.total_seconds()), language) if isinstance(value, timedelta) else value
            for key, value in self.values.items()
        }
        return translate(language, text, **shown)


def message(text: str) -> str:
    """Marks a text for the catalogue (imported as `_`); it is translated where it is shown."""
    return text
