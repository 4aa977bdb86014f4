"""What is written to InfluxDB, letter by letter, and what its answers are taken for."""

import pytest
from influxdb_client.rest import ApiException
from urllib3 import exceptions as http

from server.telemetry.influx import line
from server.telemetry.influx.client import _trouble
from server.telemetry.influx.line import Mark, Probe, Sum
from server.telemetry.series import Point
from server.telemetry.store import State, Step

PROBE = Probe("ferme", "wall-1", "chilled", 1)


def test_a_minute_has_three_tags_whole_numbers_and_whole_seconds() -> None:
    written = line.minute(PROBE, Point(1_790_000_000, 60, 1, -205, 230, 260, 12, 0))
    assert written == (
        "minute,device=wall-1,probe=chilled/1,site=ferme"
        " low=-205i,mean=230i,high=260i,samples=12i,health=0i,length=60i 1790000000"
    )


def test_a_minute_without_samples_has_no_temperature() -> None:
    written = line.minute(PROBE, Point(1_790_000_000, 60, 1, 0, 0, 0, 0, 4))
    assert written.split()[1] == "samples=0i,health=4i,length=60i"


def test_an_hour_has_its_sums_and_a_mean_for_others() -> None:
    written = line.summed(Step.HOUR, PROBE, Sum(1_789_999_200, -10, 40, 36_000, 3600))
    assert written == (
        "hour,device=wall-1,probe=chilled/1,site=ferme"
        " low=-10i,mean=10i,high=40i,weighted=36000i,seconds=3600i 1789999200"
    )


def test_names_that_would_break_a_line_or_a_query_are_escaped() -> None:
    odd = Probe("a b", "c,d=e", 'f"\\${g}', 0)
    head = line.minute(odd, Point(1, 60, 0, 0, 0, 0, 0, 0))
    assert head.startswith('minute,device=c\\,d\\=e,probe=f"\\\\${g}/0,site=a\\ b ')
    assert line.flux_text('a"\\${b}') == '"a\\"\\\\\\${b}"'


def test_a_marker_is_ours_if_it_is_of_this_rebuild_and_not_older() -> None:
    ours = Mark("g2", 5)
    assert ours.is_shown_by([Mark("g1", 9), Mark("g2", 5)])
    assert ours.is_shown_by([Mark("g2", 6)])  # written there, and not yet noted here
    assert not ours.is_shown_by([Mark("g2", 4), Mark("g1", 9)])
    assert not ours.is_shown_by([])
    assert ours.line(1_790_000_123) == 'loquet_marker generation="g2",marks=5i 1789948800'


def answered(status: int, body: str) -> ApiException:
    error = ApiException(status=status, reason="x")
    error.body = body
    return error


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (answered(401, '{"message": "unauthorized access"}'), State.REFUSED),
        (answered(403, ""), State.REFUSED),
        (answered(404, '{"message": "bucket \\"x\\" not found"}'), State.MISSING),
        (answered(413, ""), State.FULL),
        (answered(507, ""), State.FULL),
        (answered(500, '{"message": "write …/_0001.wal: no space left on device"}'), State.FULL),
        (answered(429, ""), State.SLOW),
        (answered(503, "<html>"), State.SLOW),
        (answered(422, '{"message": "partial write: field type conflict"}'), State.FAULTY),
        (answered(500, "null"), State.FAULTY),
        (http.ReadTimeoutError(None, "/", "late"), State.SLOW),  # type: ignore[arg-type]
        (http.ProtocolError("cut"), State.UNREACHABLE),
        (ConnectionResetError(), State.UNREACHABLE),
    ],
)
def test_every_answer_has_its_word(error: Exception, state: State) -> None:
    trouble = _trouble(error)
    assert trouble.state is state
    assert str(trouble)
