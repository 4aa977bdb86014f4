"""The chain shows every change; the series lose no extreme and bridge no gap."""

from hypothesis import given
from hypothesis import strategies as st

from server.telemetry import chain
from server.telemetry.series import Gap, Point, Span, gaps, runs, spans, summary, thin

bodies = st.lists(st.text(max_size=20), min_size=1, max_size=12)


def chained(texts: list[str]) -> list[tuple[int, str, str]]:
    rows, link = [], chain.GENESIS
    for position, body in enumerate(texts, start=1):
        link = chain.link(link, position, body)
        rows.append((position, body, link))
    return rows


@given(bodies)
def test_an_untouched_chain_holds(texts: list[str]) -> None:
    assert chain.first_break(chained(texts)) is None


@given(bodies, st.data())
def test_a_changed_body_breaks_the_chain_at_its_place(texts: list[str], data: st.DataObject) -> None:
    rows = chained(texts)
    at = data.draw(st.integers(0, len(rows) - 1))
    position, body, link = rows[at]
    rows[at] = (position, body + "x", link)
    assert chain.first_break(rows) == position


@given(st.lists(st.text(max_size=20), min_size=2, max_size=12), st.data())
def test_a_removed_or_moved_record_breaks_the_chain(texts: list[str], data: st.DataObject) -> None:
    rows = chained(texts)
    at = data.draw(st.integers(0, len(rows) - 2))
    assert chain.first_break(rows[:at] + rows[at + 1 :]) == at + 1
    rows[at], rows[at + 1] = rows[at + 1], rows[at]
    assert chain.first_break(rows) == at + 1


def test_canonical_does_not_depend_on_the_order_of_keys() -> None:
    assert (
        chain.canonical({"b": 1, "a": "é"}) == chain.canonical({"a": "é", "b": 1}) == '{"a":"\\u00e9","b":1}'
    )


def span(at: int, mean: int = 200, length: int = 60) -> Span:
    return Span(at, length, mean - 10, mean, mean + 10)


def test_a_period_without_samples_is_no_temperature() -> None:
    silent = Point(0, 60, 0, 0, 0, 0, 0, 1)
    other = Point(0, 60, 1, 190, 200, 210, 12, 0)
    assert spans([silent, other]) == [Span(0, 60, 190, 200, 210)]
    assert spans([silent]) == []


def test_both_probes_give_the_coldest_and_the_warmest() -> None:
    rows = spans([Point(0, 60, 0, 100, 150, 200, 12, 0), Point(0, 60, 1, 180, 250, 300, 12, 0)])
    assert rows == [Span(0, 60, 100, 200, 300)]


def test_a_hole_is_listed_with_its_cause_and_never_bridged() -> None:
    rows = [span(0), span(60), span(600), span(660)]
    assert [len(group) for group in runs(rows)] == [2, 2]
    assert gaps(rows, 0, 720) == [Gap(120, 600, "missing")]
    assert gaps(rows, 0, 720, [Gap(200, 300, "reboot")]) == [Gap(120, 600, "reboot")]
    assert gaps([], 0, 720) == [Gap(0, 720, "missing")]


def test_the_sentence_counts_by_the_mean() -> None:
    rows = [span(0, 390), span(60, 420), span(120, -120)]
    found = summary(rows, [], -100, 400)
    assert (found.low, found.high, found.out_s) == (-130, 430, 120)


@given(
    st.lists(st.tuples(st.integers(-3000, 3000), st.booleans()), min_size=1, max_size=300),
    st.integers(2, 40),
)
def test_thinning_keeps_every_extreme_and_every_hole(steps: list[tuple[int, bool]], most: int) -> None:
    rows, at = [], 0
    for mean, hole in steps:
        at += 600 if hole else 0
        rows.append(span(at, mean))
        at += 60
    drawn = thin(rows, most)
    assert min(row.low for row in drawn) == min(row.low for row in rows)
    assert max(row.high for row in drawn) == max(row.high for row in rows)
    assert sum(row.length for row in drawn) == 60 * len(rows)
    assert len(runs(drawn)) >= min(len(runs(rows)), len(drawn))


def test_a_stored_body_tells_the_boot_of_its_record() -> None:
    body = chain.canonical({"d": "wall-1", "rx": 5, "r": {"v": 1, "e": "0badcafe", "b": 12, "n": 3}})
    assert chain.is_of_boot(body, 12)
    assert not chain.is_of_boot(body, 1)
    assert not chain.is_of_boot(body, 2)
