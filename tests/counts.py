"""Which tests ran on which database: as many on each, or the run fails."""

from collections import Counter

import pytest

from simulator.parts import find_parts, postgres
from tests.server.databases import KINDS, POSTGRESQL

_RAN: Counter[str] = Counter()
_LEFT_OUT: Counter[str] = Counter()
_FIGURES: list[str] = []
"""What tests counted that a person wants to see: their property `figure`."""


def _database(report: pytest.TestReport) -> str | None:
    return next((str(value) for name, value in report.user_properties if name == "database"), None)


def pytest_report_header() -> str:
    """Which PostgreSQL there is; SQLite's version is the server's own matter."""
    found = find_parts().postgres
    if isinstance(found, str):
        return f"postgresql: {postgres.reach(found).version}, already there"
    return f"postgresql: {found.version}" if found is not None else "postgresql: none"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Counts what ran and what was left out."""
    kind = _database(report)
    if report.when == "call":
        _FIGURES.extend(str(value) for name, value in report.user_properties if name == "figure")
    if kind is None:
        # A test that is skipped before its fixtures tells its database by its name alone.
        if report.skipped and POSTGRESQL in report.nodeid.rpartition("[")[2]:
            _LEFT_OUT[POSTGRESQL] += 1
    elif report.when == "call" and report.outcome in ("passed", "failed"):
        _RAN[kind] += 1


def is_uneven() -> bool:
    """Whether a run that left nothing out ran more tests on one database than on the other."""
    return not _LEFT_OUT and len({_RAN[kind] for kind in KINDS}) > 1


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """An otherwise sound run fails if the counts differ; a chosen test alone (`::`) may run on one."""
    chosen = any("::" in argument for argument in session.config.args) or session.config.option.keyword
    is_worker = hasattr(session.config, "workerinput")
    if exitstatus == pytest.ExitCode.OK and not is_worker and not chosen and is_uneven():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures, then one line with the counts."""
    for figure in sorted(_FIGURES):
        terminalreporter.write_line(figure)
    if not _RAN:
        return
    said = ", ".join(f"{_RAN[kind]} on {kind}" for kind in KINDS)
    if _LEFT_OUT:
        said += f" ({_LEFT_OUT[POSTGRESQL]} left out)"
    elif is_uneven():
        said += ": these should be equal"
    terminalreporter.write_line(f"tests of the server by database: {said}")
