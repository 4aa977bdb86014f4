"""A page of SVG: boxes, wires, words. Coordinates in pixels; text has one size, so that widths are known.

Light paper and dark ink, whatever the reader's theme: a drawing is printed and hung in the box.
"""

from html import escape

INK, PALE, WIRE, HOT, PAPER = "#1d2430", "#eef2f6", "#2f6d9e", "#b3541e", "#ffffff"
CHAR = 7.3
"""Width of a character of the monospaced text, at 12 px."""


class Canvas:
    """Collects elements; `render` gives the whole document."""

    def __init__(self, title: str, summary: str) -> None:
        self._title = title
        self._summary = summary
        self._elements: list[str] = []
        self._right = self._bottom = 0.0

    def _reach(self, x: float, y: float) -> None:
        self._right, self._bottom = max(self._right, x), max(self._bottom, y)

    def box(self, x: float, y: float, width: float, height: float, *, fill: str = PALE) -> None:
        """A part."""
        self._reach(x + width, y + height)
        self._elements.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="3" fill="{fill}" '
            f'stroke="{INK}"/>'
        )

    def text(
        self, x: float, y: float, words: str, *, anchor: str = "start", bold: bool = False, ink: str = INK
    ) -> None:
        """Words, their baseline at `y`."""
        length = len(words) * CHAR
        self._reach(x + (length if anchor == "start" else length / 2 if anchor == "middle" else 0), y + 4)
        weight = ' font-weight="bold"' if bold else ""
        self._elements.append(
            f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{ink}"{weight}>{escape(words)}</text>'
        )

    def wire(self, points: list[tuple[float, float]], *, ink: str = WIRE, width: float = 1.5) -> None:
        """A line through the points."""
        for x, y in points:
            self._reach(x, y)
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self._elements.append(
            f'<polyline points="{path}" fill="none" stroke="{ink}" stroke-width="{width:g}"/>'
        )

    def render(self) -> str:
        """The document."""
        width, height = self._right + 20, self._bottom + 20
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
            f'height="{height:g}" font-family="DejaVu Sans Mono, Liberation Mono, monospace" font-size="12" '
            f'xml:space="preserve" '
            f'role="img" aria-labelledby="t d">\n'
            f'<title id="t">{escape(self._title)}</title>\n<desc id="d">{escape(self._summary)}</desc>\n'
            f'<rect width="100%" height="100%" fill="{PAPER}"/>\n' + "\n".join(self._elements) + "\n</svg>\n"
        )


def heading(words: str) -> str:
    """The first clause of a description."""
    return words.replace(",", ";").split(";")[0]


def wrapped(words: str, columns: int) -> list[str]:
    """A text in lines of at most so many characters."""
    lines: list[str] = []
    for word in words.split():
        if lines and len(lines[-1]) + 1 + len(word) <= columns:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]


def ranges(nets: tuple[str, ...]) -> list[str]:
    """Net names with runs drawn together: `DOOR1, DOOR2, DOOR3` becomes `DOOR1..3`; the order stays."""
    runs: list[tuple[str, int, int] | str] = []
    for net in nets:
        stem = net.rstrip("0123456789")
        number = int(net[len(stem) :]) if stem != net else None
        last = runs[-1] if runs else None
        if number is not None and isinstance(last, tuple) and last[0] == stem and last[2] + 1 == number:
            runs[-1] = (stem, last[1], number)
        elif number is not None:
            runs.append((stem, number, number))
        elif not runs or last != net:
            runs.append(net)
    return [
        run if isinstance(run, str) else f"{run[0]}{run[1]}" + (f"..{run[2]}" if run[2] > run[1] else "")
        for run in runs
    ]
