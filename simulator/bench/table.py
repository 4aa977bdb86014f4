"""What a person reads: `docs/figures.md`, the lines of the terminal, two runs side by side."""

from simulator.bench.figure import Bar, Figure, Measured
from simulator.bench.outcome import Outcome, Report

_HEAD = """\
# Figures

Written by `./loquet bench`; not by hand. Every bar of the project that this chain can reach, measured on one
machine, with the peer or limit beside it from the same run. A value is the median of several runs, then (in
brackets) the least and the most; a loss is judged by its worst run. What was measured under a smaller or
shorter load than its bar asks for is shown and not judged, whichever way it came out. Loads, stores and
programs are real unless a line says otherwise; everything runs on the one machine, so that what loads the
chain takes its share of the same cores.
"""


def number(value: float) -> str:
    """A value with about three digits that mean something: 22600 → `22 600`, 0.0431 → `0.043`."""
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}".replace(",", " ")
    if abs(value) >= 1:
        return f"{value:.1f}"
    return f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) >= 0.001 else f"{value:.2g}"


def values(measured: Measured | None) -> str:
    """The median and its spread."""
    if measured is None or not measured.values:
        return "–"
    if len(measured.values) == 1:
        return number(measured.middle)
    return f"{number(measured.middle)} ({number(measured.least)} to {number(measured.most)})"


def bar(figure: Figure, measured: dict[str, Measured]) -> str:
    """The bar in words, with the value it has in this run."""
    if figure.bar is None:
        return ""
    limit: Bar = figure.bar
    sense = "≥" if limit.sense == "at least" else "≤"
    if not limit.of:
        return f"{sense} {number(limit.limit)}"
    value = limit.value(measured)
    now = "–" if value is None else number(value)
    return f"{sense} {number(limit.limit)} × *{limit.of}* = {now}"


def rows(outcome: Outcome) -> list[tuple[str, str, str, str, str]]:
    """(figure, value, unit, bar, verdict) of each figure that was measured or has a bar."""
    found: list[tuple[str, str, str, str, str]] = []
    for figure in outcome.figures:
        measured = outcome.measured.get(figure.name)
        if measured is None and figure.bar is None:
            continue
        found.append(
            (
                figure.name,
                values(measured),
                figure.unit,
                bar(figure, outcome.measured),
                outcome.verdict(figure),
            )
        )
    return found


def short_falls(report: Report) -> list[str]:
    """One line for each bar that is not reached, and for each line that failed."""
    said = []
    for outcome in report.outcomes:
        if outcome.failure:
            said.append(f"`{outcome.name}` failed: {outcome.failure}")
        for name, value, unit, limit, verdict in rows(outcome):
            if verdict == "falls short":
                said.append(f"`{outcome.name}` **falls short**: {name}: {value} {unit}, bar {limit}")
            elif verdict == "not measured":
                said.append(f"`{outcome.name}` not measured: {name} (bar {limit})")
    return said


def markdown(report: Report) -> str:
    """The whole page."""
    parts = [_HEAD, "## Machine\n", _pairs(report.machine), "## Versions of the newest run\n"]
    parts.append(_pairs(report.versions))
    missed = short_falls(report)
    parts.append("## What falls short\n")
    quick = [f"`{outcome.name}`" for outcome in report.outcomes if outcome.quick]
    nothing = "Nothing that was judged." if quick else "Nothing in this run."
    parts.append("\n".join(f"* {line}" for line in missed) + "\n" if missed else f"{nothing}\n")
    if quick:
        parts.append(f"Measured under short loads, so not judged: {', '.join(quick)}.\n")
    parts += [_section(outcome, report.versions) for outcome in report.outcomes]
    return "\n".join(parts)


def _pairs(table: dict[str, str]) -> str:
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in table.items())


def _measured_on(outcome: Outcome, newest: dict[str, str]) -> str:
    """The commit that a line was measured on, and what else was not as in the newest run."""
    others = [
        f"{name} {value}"
        for name, value in outcome.versions.items()
        if name != "Loquet" and newest.get(name) != value
    ]
    commit = outcome.versions.get("Loquet", "")
    return ", ".join([f"commit {commit}"] * bool(commit) + others)


def _section(outcome: Outcome, newest: dict[str, str]) -> str:
    runs = max((len(each.values) for each in outcome.measured.values()), default=0)
    kind = " (quick: short loads)" if outcome.quick else ""
    lines = [
        f"## {outcome.title}\n",
        f"`{outcome.command}` · {outcome.at} · {_measured_on(outcome, newest) or 'no commit known'} · "
        f"runs: {runs}, {outcome.seconds:.0f} s{kind}\n",
    ]
    if outcome.failure:
        lines.append(f"**This line failed:** {outcome.failure}\n")
    lines.append("| figure | measured | unit | bar | |\n|---|---|---|---|---|")
    for name, value, unit, limit, verdict in rows(outcome):
        said = f"**{verdict}**" if verdict == "falls short" else verdict
        lines.append(f"| {name} | {value} | {unit} | {limit} | {said} |")
    lines.append("")
    lines += [f"* {note}" for note in outcome.notes]
    lines += [f"* not judged: {what} ({why})" for what, why in outcome.unjudged.items()]
    lines += [f"* not here: {what} ({why})" for what, why in outcome.absent.items()]
    return "\n".join(lines) + "\n"


def terminal(outcome: Outcome) -> str:
    """A line as the person at the terminal sees it when it has ended."""
    lines = [f"{outcome.title}   [{outcome.seconds:.0f} s]"]
    for name, value, unit, limit, verdict in rows(outcome):
        lines.append(f"  {name:<62} {value:>28} {unit:<14} {limit:<34} {verdict.upper()}".rstrip())
    lines += [f"    {note}" for note in outcome.notes]
    lines += [f"    not judged: {what} ({why})" for what, why in outcome.unjudged.items()]
    lines += [f"    not here: {what} ({why})" for what, why in outcome.absent.items()]
    if outcome.failure:
        lines.append(f"  THIS LINE FAILED: {outcome.failure}")
    return "\n".join(lines)


def comparison(before: Report, after: Report) -> str:
    """Two reports side by side: each figure that both have, with the factor between the medians."""
    lines = ["| line | figure | before | after | unit | factor | |", "|---|---|---|---|---|---|---|"]
    if before.machine != after.machine:
        lines.insert(0, "The two were measured on different machines: the factors say little.\n")
    older = {outcome.name: outcome for outcome in before.outcomes}
    for outcome in after.outcomes:
        then = older.get(outcome.name)
        for figure in outcome.figures:
            new = outcome.measured.get(figure.name)
            old = then.measured.get(figure.name) if then is not None else None
            if new is None or old is None:
                continue
            factor = f"{new.middle / old.middle:.2f}" if old.middle else "–"
            cells = [outcome.name, figure.name, values(old), values(new), figure.unit, factor]
            lines.append(f"| {' | '.join(cells)} | {outcome.verdict(figure)} |")
    return "\n".join(lines) + "\n"
