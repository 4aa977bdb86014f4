"""Reads pages as a machine may: elements with their `data-` attributes and text, in document order."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Element:
    """One element; `text` is all text inside it, children included."""

    tag: str
    attributes: dict[str, str]
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text, white space folded."""
        return " ".join("".join(self.parts).split())

    def data(self, name: str) -> str:
        """The value of `data-{name}`, empty if it is not there."""
        return self.attributes.get("data-" + name, "")


class Page(HTMLParser):
    """The elements of an HTML document."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)

    def __str__(self) -> str:
        main = next((element for element in self.elements if element.tag == "main"), None)
        return "an empty page" if main is None else f"{main.attributes} {main.text}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        """Called by the parser."""
        for at in range(len(self._open) - 1, -1, -1):
            if self._open[at].tag == tag:
                del self._open[at:]
                return

    def handle_data(self, data: str) -> None:
        """Called by the parser."""
        for element in self._open:
            element.parts.append(data)

    def with_data(self, name: str, value: str | None = None) -> list[Element]:
        """Elements that carry `data-{name}`, with that value if one is given."""
        key = "data-" + name
        return [
            element
            for element in self.elements
            if key in element.attributes and (value is None or element.attributes[key] == value)
        ]

    def only(self, name: str, value: str | None = None) -> Element:
        """The first element that carries it; LookupError if the page has none."""
        found = self.with_data(name, value)
        if not found:
            raise LookupError(f"the page has no data-{name}" + (f"={value}" if value is not None else ""))
        return found[0]

    def forms(self, ending: str) -> list[Element]:
        """Forms whose action ends so."""
        return [
            e for e in self.elements if e.tag == "form" and e.attributes.get("action", "").endswith(ending)
        ]
