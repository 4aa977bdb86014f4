"""The harness: lines that fail or can't run here, the page and the file that it writes, two runs compared."""

import asyncio
import json
from pathlib import Path

import pytest

from simulator.bench import before, outcome, run, table, verb
from simulator.bench.figure import Bar, Figure, Measured
from simulator.bench.line import Line, NotHereError, Options, Round
from simulator.bench.lines.catalogue import LINES

OPTIONS = Options(kills=1, peers=False)
RATE = Figure("rate", "1/s", Bar("at least", 100))


def line(name: str, measure: object, runs: int = 3) -> Line:
    return Line(name, f"Line {name}", (RATE,), measure, runs)  # type: ignore[arg-type]


async def good(one: Round) -> None:
    (one.folder / "store").write_text("something")
    one.put("rate", 100 + one.number)
    one.note("under this load")


async def failing(one: Round) -> None:
    one.put("rate", 5)
    if one.number == 1:
        raise ZeroDivisionError("in the second run")


async def elsewhere(_one: Round) -> None:
    raise NotHereError("no such thing on this machine")


async def undeclared(one: Round) -> None:
    one.put("another", 1)


def play(folder: Path, *lines: Line, quick: bool = False) -> list[outcome.Outcome]:
    return asyncio.run(run.play(lines, folder, OPTIONS, quick, None, lambda _text: None))


def report(*outcomes: outcome.Outcome, machine: str = "a box") -> outcome.Report:
    return outcome.Report({"processor": machine}, {"Python": "3"}, list(outcomes))


def test_a_line_that_fails_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    bad, fine = play(tmp_path, line("bad", failing), line("fine", good))
    assert bad.failure == "run 2: ZeroDivisionError: in the second run"
    assert list(bad.measured["rate"].values) == [5, 5], "what it had measured stays"
    assert not fine.failure
    assert list(fine.measured["rate"].values) == [100, 101, 102]
    page = table.markdown(report(bad, fine))
    assert "**This line failed:** run 2: ZeroDivisionError: in the second run" in page
    assert "`bad` failed: run 2" in page
    assert "THIS LINE FAILED" in table.terminal(bad)
    assert "THIS LINE FAILED" not in table.terminal(fine)


def test_a_line_that_can_t_run_here_says_why(tmp_path: Path) -> None:
    (away,) = play(tmp_path, line("away", elsewhere))
    assert not away.failure
    page = table.markdown(report(away))
    assert "not here: Line away (no such thing on this machine)" in page
    assert "`away` not measured: rate (bar ≥ 100)" in page


def test_a_figure_that_the_line_does_not_declare_is_a_fault(tmp_path: Path) -> None:
    (odd,) = play(tmp_path, line("odd", undeclared))
    assert "declares no figure 'another'" in odd.failure


def test_what_a_run_kept_on_the_disk_goes_unless_it_failed(tmp_path: Path) -> None:
    play(tmp_path, line("fine", good), line("bad", failing))
    assert not list((tmp_path / "fine").iterdir())
    assert [path.name for path in (tmp_path / "bad").iterdir()] == ["1"]


def test_quick_plays_each_line_once(tmp_path: Path) -> None:
    (fine,) = play(tmp_path, line("fine", good), quick=True)
    assert list(fine.measured["rate"].values) == [100]
    page = table.markdown(report(fine))
    assert "(quick: short loads)" in page
    assert "Measured under short loads, so not judged: `fine`." in page


@pytest.mark.parametrize("value", [5, 500], ids=["below the bar", "above it"])
def test_a_quick_value_is_shown_and_not_judged(tmp_path: Path, value: float) -> None:
    async def short(one: Round) -> None:
        one.put("rate", value)

    (quick,) = play(tmp_path, line("short", short), quick=True)
    assert table.rows(quick) == [("rate", str(value), "1/s", "≥ 100", "quick: not judged")]
    page = table.markdown(report(quick))
    assert "met |" not in page
    assert "falls short**" not in page
    assert "NOT JUDGED" in table.terminal(quick)
    assert table.short_falls(report(quick)) == []


def test_a_figure_whose_load_was_too_short_is_not_judged(tmp_path: Path) -> None:
    async def scaled(one: Round) -> None:
        one.put("rate", 500)
        one.leave_unjudged("rate", "one minute of the day")

    (short,) = play(tmp_path, line("short", scaled))
    assert table.rows(short)[0][-1] == "too short: not judged"
    assert "* not judged: rate (one minute of the day)" in table.markdown(report(short))


def test_nothing_is_met_by_a_line_of_which_a_later_run_failed(tmp_path: Path) -> None:
    async def lost(one: Round) -> None:
        if one.number == 1:
            raise TimeoutError("in vain")
        one.put("lost", 0)

    async def found(one: Round) -> None:
        one.put("lost", 1)
        if one.number == 1:
            raise TimeoutError("in vain")

    losses = (Figure("lost", "", Bar("at most", 0), worst=True),)
    late, seen = play(tmp_path, Line("late", "Late", losses, lost), Line("seen", "Seen", losses, found))
    assert table.rows(late) == [("lost", "0", "", "≤ 0", "a run failed: not judged")]
    assert " MET" not in table.terminal(late)
    assert table.rows(seen)[0][-1] == "falls short", "what is known to be short stays short"


def test_the_page_says_what_falls_short(tmp_path: Path) -> None:
    (low,) = play(tmp_path, line("low", failing, runs=1))
    page = table.markdown(report(low))
    assert "* `low` **falls short**: rate: 5 1/s, bar ≥ 100" in page
    assert "| rate | 5 | 1/s | ≥ 100 | **falls short** |" in page
    assert "`./loquet bench --only low`" in page
    (fine,) = play(tmp_path / "other", line("fine", good))
    page = table.markdown(report(fine))
    assert "Nothing in this run." in page
    assert "| rate | 101 (100 to 102) | 1/s | ≥ 100 | met |" in page


def test_a_report_comes_back_as_it_was_written(tmp_path: Path) -> None:
    bad, fine = play(tmp_path / "run", line("bad", failing), line("fine", good))
    whole = report(bad, fine)
    outcome.save(whole, tmp_path / "figures.json")
    assert outcome.load(tmp_path / "figures.json") == whole


def test_a_line_keeps_the_versions_it_is_played_on(tmp_path: Path) -> None:
    playing = run.play([line("fine", good)], tmp_path, OPTIONS, True, None, lambda _: None, {"Loquet": "abc"})
    assert asyncio.run(playing)[0].versions == {"Loquet": "abc"}


def test_a_line_kept_from_before_lines_had_versions_has_its_report_s(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    outcome.save(report(*play(tmp_path / "run", line("fine", good))), path)
    raw = json.loads(path.read_text())
    del raw["outcomes"][0]["versions"], raw["outcomes"][0]["unjudged"]
    path.write_text(json.dumps(raw))
    assert outcome.load(path).outcomes[0].versions == {"Python": "3"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 9}'])
def test_a_file_that_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "figures.json").write_text(text)
    with pytest.raises(outcome.OutcomeError, match="figures"):
        outcome.load(tmp_path / "figures.json")
    assert verb.main(["--compare", str(tmp_path / "figures.json"), str(tmp_path / "figures.json")]) == 2


def test_lines_not_played_keep_their_figures_unless_the_machine_is_another(tmp_path: Path) -> None:
    one, two = play(tmp_path, line("one", good), line("two", good))
    (again,) = play(tmp_path / "again", line("two", failing, runs=1))
    merged = report(again).merged_into(report(one, two), ["one", "two"])
    assert [each.name for each in merged.outcomes] == ["one", "two"]
    assert list(merged.outcomes[1].measured["rate"].values) == [5]
    versions = {"Loquet": "new", "Python": "3"}
    late = outcome.Report(report().machine, versions, [again])
    one.versions, again.versions = {"Loquet": "old", "Python": "2"}, versions
    page = table.markdown(late.merged_into(report(one, two), ["one", "two"]))
    assert f"{one.at} · commit old, Python 2 · runs: 3" in page
    assert f"{again.at} · commit new · runs: 1" in page
    alone = report(again, machine="another").merged_into(report(one, two), ["one", "two"])
    assert [each.name for each in alone.outcomes] == ["two"]


def test_two_runs_side_by_side(tmp_path: Path) -> None:
    (before,) = play(tmp_path / "a", line("one", failing, runs=1))
    (after,) = play(tmp_path / "b", line("one", good, runs=1))
    said = table.comparison(report(before), report(after))
    assert "| one | rate | 5 | 100 | 1/s | 20.00 | met |" in said
    assert "different machines" not in said
    assert "different machines" in table.comparison(report(before), report(after, machine="another"))


def test_the_page_says_what_became_of_the_worst_of_a_kept_run(tmp_path: Path) -> None:
    async def slow(one: Round) -> None:
        one.put("rate", 5)

    async def slower(one: Round) -> None:
        one.put("rate", 1)

    old = report(
        *play(tmp_path / "a", *(line(*each, runs=1) for each in (("s", slow), ("t", slower), ("g", good))))
    )
    new = report(*play(tmp_path / "b", line("s", good, runs=1), line("g", slow, runs=1)))
    page = before.section(old, new)
    rows = [row for row in page.splitlines() if row.startswith("| `")]
    assert rows == [
        "| `t` | rate | 1/s | ≥ 100 | 1 | 100 | – | – | not measured |",
        "| `s` | rate | 1/s | ≥ 100 | 5 | 20 | 100 | 1 | met |",
    ]
    assert "different machines" not in page
    assert "different machines" in before.section(old, report(*new.outcomes, machine="another"))


def test_the_kept_run_can_be_read() -> None:
    worst = before.furthest(outcome.load(verb.BEFORE))
    assert [old.name for _, old, _ in worst[:3]] == ["reservations", "wall", "telemetry"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (22600.4, "22 600"),
        (48, "48"),
        (5.43, "5.4"),
        (0.0431, "0.043"),
        (0, "0"),
        (0.5, "0.5"),
        (0.00012, "0.00012"),
    ],
)
def test_numbers_have_the_digits_that_mean_something(value: float, text: str) -> None:
    assert table.number(value) == text


def test_a_bar_beside_a_peer_shows_both_factor_and_value() -> None:
    figure = Figure("ours", "1/s", Bar("at least", 0.5, "peer"))
    assert table.bar(figure, {"peer": Measured((200.0,))}) == "≥ 0.5 × *peer* = 100"
    assert table.bar(figure, {}) == "≥ 0.5 × *peer* = –"


def test_every_line_has_a_name_of_its_own_and_bars_that_refer_to_its_own_figures() -> None:
    names = [each.name for each in LINES]
    assert len(set(names)) == len(names)
    for each in LINES:
        figures = [figure.name for figure in each.figures]
        assert len(set(figures)) == len(figures), each.name
        assert any(figure.bar for figure in each.figures) or each.name, each.name
        for figure in each.figures:
            assert figure.bar is None or not figure.bar.of or figure.bar.of in figures, figure.name


def test_the_command_refuses_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["--only", "nonsense"], "no line 'nonsense'"),
        (["--runs", "0"], "a number from 1"),
        (["--kills", "x"], "a number from 1"),
    ):
        with pytest.raises(SystemExit) as ended:
            verb.main(words)
        assert ended.value.code == 2
        assert said in capsys.readouterr().err
    assert verb.main(["--list"]) == 0
    assert all(each.name in capsys.readouterr().out for each in LINES[:1])
