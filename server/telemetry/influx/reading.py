"""What is asked of InfluxDB: series, the newest period, the marker. Flux; every name in it is quoted."""

from dataclasses import dataclass
from datetime import datetime

from server.foundation.settings import Settings
from server.lockers.models import Zone
from server.telemetry.influx.client import Influx, TroubleError
from server.telemetry.influx.line import DAY_S, MARKER, Mark, Probe, bucket_of, flux_text
from server.telemetry.series import Point
from server.telemetry.sqlview import LENGTH_S, summed
from server.telemetry.store import State, Step

MOST_PROBES = 16
"""Rows of a record, so also probes of a zone."""
MARKER_KEPT_S = 40 * DAY_S
"""The marker is renewed each day; an older one does not count."""


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def _from(settings: Settings, step: Step, since: int, until: int) -> str:
    bucket = flux_text(bucket_of(settings.influx_bucket, step))
    return f"from(bucket: {bucket}) |> range(start: {since}, stop: {until})"


def _of_zone(step: Step, site: str, zone: Zone) -> str:
    probes = " or ".join(
        f"r.probe == {flux_text(Probe(site, zone.controller_id, zone.key, number).tag)}"
        for number in range(MOST_PROBES)
    )
    return (
        f' |> filter(fn: (r) => r._measurement == "{step}" and r.site == {flux_text(site)}'
        f" and r.device == {flux_text(zone.controller_id)} and ({probes}))"
    )


def _marks(settings: Settings, step: Step, now: int) -> str:
    return (
        _from(settings, step, now - MARKER_KEPT_S, now + 2 * DAY_S)
        + f' |> filter(fn: (r) => r._measurement == "{MARKER}")'
        + ' |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")'
    )


def _mark(row: dict[str, str]) -> Mark:
    return Mark(row["generation"], int(row["marks"]))


def marks(influx: Influx, settings: Settings, step: Step, now: int) -> list[Mark]:
    """The marks in a bucket. Raises TroubleError."""
    try:
        return [_mark(row) for row in influx.query(_marks(settings, step, now))]
    except (KeyError, ValueError) as error:
        raise TroubleError(State.FAULTY, "a marker of another shape") from error


@dataclass(frozen=True)
class Series:
    """Reads a zone's series, each time with the bucket's marks: what was emptied a moment ago must not be
    drawn as a gap."""

    influx: Influx
    settings: Settings
    mark: Mark
    now: int

    def points(self, site: str, zone: Zone, step: Step, since: int, until: int) -> list[Point]:
        """Every probe's periods that begin in [since, until). Raises TroubleError."""
        if until <= since:
            return []
        flux = (
            _from(self.settings, step, since, until)
            + _of_zone(step, site, zone)
            + ' |> drop(columns: ["_start", "_stop", "_measurement", "site", "device"])'
            + ' |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")'
        )
        try:
            found = [_point(step, row) for row in self._ask(step, flux)]
        except (KeyError, ValueError) as error:
            raise TroubleError(State.FAULTY, "rows of another shape") from error
        return sorted(found, key=lambda point: (point.at, point.probe))

    def newest(self, site: str, zone: Zone, since: int, until: int) -> int | None:
        """Start of the newest period by minute in [since, until); None if there is none."""
        flux = (
            _from(self.settings, Step.MINUTE, since, until)
            + _of_zone(Step.MINUTE, site, zone)
            + ' |> filter(fn: (r) => r._field == "samples") |> last() |> keep(columns: ["_time"])'
        )
        try:
            return max((_seconds(row["_time"]) for row in self._ask(Step.MINUTE, flux)), default=None)
        except (KeyError, ValueError) as error:
            raise TroubleError(State.FAULTY, "rows of another shape") from error

    def _ask(self, step: Step, flux: str) -> list[dict[str, str]]:
        marks = _marks(self.settings, step, self.now)
        rows = self.influx.query(f'{flux} |> yield(name: "rows")\n{marks} |> yield(name: "marks")')
        if not self.mark.is_shown_by(_mark(row) for row in rows if row["result"] == "marks"):
            raise TroubleError(State.REBUILDING, "it was emptied")
        return [row for row in rows if row["result"] == "rows"]


def _point(step: Step, row: dict[str, str]) -> Point:
    at, probe = _seconds(row["_time"]), int(row["probe"].rpartition("/")[2])
    if step is not Step.MINUTE:
        low, high = int(row["low"]), int(row["high"])
        return summed(at, LENGTH_S[step], probe, low, high, int(row["weighted"]), int(row["seconds"]))
    low, mean, high = (int(row.get(name) or 0) for name in ("low", "mean", "high"))
    return Point(at, int(row["length"]), probe, low, mean, high, int(row["samples"]), int(row["health"]))
