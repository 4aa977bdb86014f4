"""What fell furthest short in an older run that is kept, and where it stands now: a section of the page."""

from simulator.bench import table
from simulator.bench.figure import Figure
from simulator.bench.outcome import Outcome, Report


def shortfall(figure: Figure, outcome: Outcome) -> float:
    """By what factor a figure misses its bar: 2 for half or double of it, 1 or less for a bar that is met; 0
    where there is no bar, one of nothing at all (a loss), or nothing measured.
    """
    measured = outcome.measured.get(figure.name)
    limit = None if figure.bar is None else figure.bar.value(outcome.measured)
    if figure.bar is None or measured is None or not measured.values or not limit:
        return 0.0
    value = figure.judged(measured)
    if figure.bar.sense == "at most":
        return value / limit
    return limit / value if value else float("inf")


def furthest(report: Report) -> list[tuple[float, Outcome, Figure]]:
    """Of each line that missed a bar the figure that missed it most: (factor, line, figure), worst first."""
    found = []
    for outcome in report.outcomes:
        short = [(shortfall(figure, outcome), figure) for figure in outcome.figures]
        factor, figure = max(short, key=lambda each: each[0], default=(0.0, None))
        if figure is not None and factor > 1:
            found.append((factor, outcome, figure))
    return sorted(found, key=lambda each: -each[0])


def section(before: Report, now: Report) -> str:
    """The section of the page: what the kept run fell short in, by how much, and what is left of it now."""
    lines = [
        "## Before and after\n",
        "Of each line that missed a bar in a first run, kept in `figures-before.json`, the figure that "
        "missed it most; worst first. How far it is from its bar, as a factor (1 or less: it is reached).\n",
    ]
    if before.machine != now.machine:
        lines.append("The two were measured on different machines: they can't be compared.\n")
    lines += [
        "| line | figure | unit | bar | before | times | now | times | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    newer = {outcome.name: outcome for outcome in now.outcomes}
    for factor, old, figure in furthest(before):
        new = newer.get(old.name)
        same = next((each for each in new.figures if each.name == figure.name), None) if new else None
        cells = [f"`{old.name}`", figure.name, figure.unit, table.bar(figure, old.measured)]
        cells += [_value(figure, old), table.number(factor)]
        if new is None or same is None or new.measured.get(figure.name) is None:
            cells += ["–", "–", "not measured"]
        else:
            cells += [_value(same, new), table.number(shortfall(same, new)), new.verdict(same)]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    for report in (before, now):
        lines.append(f"* {'before' if report is before else 'now'}: {_conditions(report)}")
    return "\n".join(lines) + "\n"


def _value(figure: Figure, outcome: Outcome) -> str:
    return table.values(outcome.measured.get(figure.name))


def _conditions(report: Report) -> str:
    """Days, commits and loads of a report's lines."""
    days = sorted({outcome.at[:10] for outcome in report.outcomes})
    commits = sorted({outcome.versions.get("Loquet", "unknown") for outcome in report.outcomes})
    quick = sum(outcome.quick for outcome in report.outcomes)
    days_and_commits = f"{' and '.join(days)}, commit {', '.join(commits)}"
    loads = {0: "full loads", len(report.outcomes): "short loads (`--quick`), one run each"}
    return f"{days_and_commits}, {loads.get(quick, f'{quick} lines with short loads')}"
