"""The temperature chart of a zone as SVG text: pure, drawn on the server, without inline style (the CSP
forbids it).

Band: coldest to warmest probe. Line: mean. A hole is hatched and the line stops: gaps are listed, never
bridged.
"""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from html import escape

from markupsafe import Markup

from server.telemetry.series import Gap, Span, runs, thin

LEFT, RIGHT, TOP, BOTTOM = 52, 12, 16, 34
SIZES = {"wide": (1000, 320), "narrow": (380, 270)}
"""Units of the drawing, about CSS pixels; the style sheet shows one of the two."""
TICKS = {"wide": 8, "narrow": 4}
MOST_SPANS = 480
TICK_STEPS = (60, 300, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800)


class _Scale:
    """From Unix seconds and hundredths of a degree to pixels."""

    def __init__(self, size: str, since: int, until: int, low: int, high: int) -> None:
        self.width, self.height = SIZES[size]
        self.ticks = TICKS[size]
        self.right, self.bottom = self.width - RIGHT, self.height - BOTTOM
        self.since, self.until, self.low, self.high = since, max(until, since + 1), low, high

    def x(self, at: float) -> float:
        inside = min(max(at, self.since), self.until)
        return LEFT + (inside - self.since) / (self.until - self.since) * (self.right - LEFT)

    def y(self, value: float) -> float:
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - TOP)


def _bounds(rows: Sequence[Span], limits: Sequence[int]) -> tuple[int, int]:
    values = [row.low for row in rows] + [row.high for row in rows] + list(limits)
    low, high = min(values, default=0), max(values, default=800)
    room = max((high - low) // 8, 60)
    return low - room, high + room


def _value_step(low: int, high: int) -> int:
    return next((step for step in (50, 100, 200, 500, 1000) if (high - low) / step <= 6), 2000)


def _time_step(length: int, most: int) -> int:
    return next((step for step in TICK_STEPS if length / step <= most), TICK_STEPS[-1])


def _axes(scale: _Scale, zone: tzinfo, language: str) -> list[str]:
    parts = []
    step = _value_step(scale.low, scale.high)
    for value in range(-(-scale.low // step) * step, scale.high + 1, step):
        y = scale.y(value)
        label = f"{value / 100:g}".replace("-", "−")
        label = label if language == "en" else label.replace(".", ",")
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{scale.right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 5:.1f}" text-anchor="end">{label}°</text>')
    length = scale.until - scale.since
    every = _time_step(length, scale.ticks)
    offset = datetime.fromtimestamp(scale.since, zone).utcoffset()
    shift = int(offset.total_seconds()) if offset else 0
    pattern = "%d/%m" if every >= 86400 else "%H:%M"
    for at in range(-(-(scale.since + shift) // every) * every - shift, scale.until + 1, every):
        x = scale.x(at)
        if x > scale.right - 18:
            continue
        label = datetime.fromtimestamp(at, zone).strftime(pattern)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{scale.bottom}"/>')
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{scale.height - 10}" text-anchor="middle">{label}</text>'
        )
    return parts


def _limit(scale: _Scale, value: int, css: str, label: str, *, above: bool) -> list[str]:
    y = scale.y(value)
    return [
        f'<line class="{css}" x1="{LEFT}" x2="{scale.right}" y1="{y:.1f}" y2="{y:.1f}"/>',
        f'<text class="limit-name" x="{LEFT + 6}" y="{y - 6 if above else y + 16:.1f}"'
        f">{escape(label)}</text>",
    ]


def _curve(scale: _Scale, rows: Sequence[Span]) -> list[str]:
    parts = []
    for group in runs(rows):
        points = [(scale.x(row.at + row.length / 2), row) for row in group]
        if len(points) == 1:
            row = group[0]
            points = [(scale.x(row.at), row), (scale.x(row.at + row.length), row)]
        upper = [f"{x:.1f},{scale.y(row.high):.1f}" for x, row in points]
        lower = [f"{x:.1f},{scale.y(row.low):.1f}" for x, row in reversed(points)]
        middle = [f"{x:.1f},{scale.y(row.mean):.1f}" for x, row in points]
        parts.append(f'<polygon class="band" points="{" ".join(upper + lower)}"/>')
        parts.append(f'<polyline class="mean" points="{" ".join(middle)}"/>')
    return parts


def draw(
    size: str,
    rows: Sequence[Span],
    holes: Sequence[Gap],
    window: tuple[int, int],
    limits: tuple[int | None, int | None],
    words: dict[str, str],
    zone: tzinfo,
    language: str,
) -> Markup:
    """The chart of `window` (Unix s). `limits` low and high; `words`: `title`, `summary`, `low`, `high`,
    `gap`, `none`.
    """
    low, high = limits
    near_low = [low] if low is not None and rows and min(row.low for row in rows) - low < 800 else []
    drawn = thin(rows, MOST_SPANS)
    bottom, top = _bounds(drawn, [*near_low, *([high] if high is not None else [])])
    scale = _Scale(size, window[0], window[1], bottom, top)
    parts = [
        f'<svg class="chart {size}" viewBox="0 0 {scale.width} {scale.height}" role="img"'
        f' aria-labelledby="title-{size} desc-{size}">',
        f'<title id="title-{size}">{escape(words["title"])}</title>',
        f'<desc id="desc-{size}">{escape(words["summary"])}</desc>',
        f'<defs><pattern id="hatch-{size}" width="8" height="8" patternUnits="userSpaceOnUse"'
        ' patternTransform="rotate(45)"><line class="hatch" x1="0" y1="0" x2="0" y2="8"/></pattern></defs>',
    ]
    if high is not None:
        y = scale.y(high)
        parts.append(
            f'<rect class="beyond" x="{LEFT}" y="{TOP}" width="{scale.right - LEFT}"'
            f' height="{max(y - TOP, 0):.1f}"/>'
        )
    parts += _axes(scale, zone, language)
    for hole in holes:
        x, end = scale.x(hole.start), scale.x(hole.end)
        if end - x < 1:
            continue
        parts.append(
            f'<rect class="gap" data-gap="{hole.cause}" x="{x:.1f}" y="{TOP}" width="{end - x:.1f}"'
            f' height="{scale.bottom - TOP}" fill="url(#hatch-{size})"/>'
        )
        if end - x > 100:
            parts.append(
                f'<text class="gap-name" x="{(x + end) / 2:.1f}" y="{scale.bottom - 10}"'
                f' text-anchor="middle">{escape(words["gap"])}</text>'
            )
    if high is not None:
        parts += _limit(scale, high, "limit", words["high"], above=True)
    for value in near_low:
        parts += _limit(scale, value, "limit", words["low"], above=False)
    parts += _curve(scale, drawn)
    if not drawn:
        parts.append(
            f'<text class="none" x="{scale.width / 2}" y="{scale.height / 2}" text-anchor="middle">'
            f"{escape(words['none'])}</text>"
        )
    parts.append("</svg>")
    return Markup("".join(parts))  # every word above was escaped, every number formatted here


def spark(rows: Sequence[Span], window: tuple[int, int], limit: int) -> Markup:
    """A zone's last hours as a line without axes, with the legal limit; decoration, the figures stand beside
    it.
    """
    if not rows:
        return Markup('<svg class="spark" viewBox="0 0 300 44" aria-hidden="true"></svg>')
    drawn = thin(rows, 150)
    low = min([row.mean for row in drawn] + [limit]) - 40
    high = max([row.mean for row in drawn] + [limit]) + 40
    width = max(window[1] - window[0], 1)

    def y(value: int) -> float:
        return 42 - (value - low) / (high - low) * 40

    parts = [
        '<svg class="spark" viewBox="0 0 300 44" preserveAspectRatio="none" aria-hidden="true">',
        f'<line class="limit" x1="0" x2="300" y1="{y(limit):.1f}" y2="{y(limit):.1f}"/>',
    ]
    for group in runs(drawn):
        points = [
            f"{(at - window[0]) / width * 300:.1f},{y(row.mean):.1f}"
            for row in group
            for at in (row.at, row.at + row.length)
        ]
        parts.append(f'<polyline class="mean" points="{" ".join(points)}"/>')
    parts.append("</svg>")
    return Markup("".join(parts))  # numbers only
