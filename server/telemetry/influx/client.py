"""The one place that speaks to InfluxDB: writes that are answered, queries, buckets; faults become a `State`.

Only the client's synchronous writes: its batching mode keeps points in memory and drops a batch after its
last try. No retries inside the client: the feeder's cursor is the retry.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.domain.dialect import Dialect
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from urllib3 import exceptions as http

from server.foundation import refusals
from server.foundation.errors import ConfigurationError
from server.foundation.settings import Settings
from server.telemetry.influx.line import bucket_of
from server.telemetry.store import State, Step

MOST_LINES = 5000
WRITE_MS = 10_000
READ_MS = 2_000
"""A page waits no longer for a chart; the SQL views draw it then."""

KEEP_S = {Step.MINUTE: 400 * 86_400, Step.HOUR: 5 * 366 * 86_400, Step.DAY: 0}
"""How long a bucket keeps what is in it, where we make it; 0: for ever."""
_SHARD_S = {Step.MINUTE: 7 * 86_400, Step.HOUR: 30 * 86_400, Step.DAY: 366 * 86_400}


_PLAIN = Dialect(header=True, delimiter=",", comment_prefix="#", annotations=[], date_time_format="RFC3339")


_NO_ROOM = ("no space left on device", "disk quota exceeded", "file too large")
"""What the system said to InfluxDB (ENOSPC, EDQUOT, EFBIG), which answers with status 500 then."""


_FAULTS = (ApiException, InfluxDBError, http.HTTPError, OSError, ValueError)
"""What the client raises: a status, an organisation that it does not find, a line that broke, an answer or a
header that cannot be."""


class TroubleError(Exception):
    """InfluxDB did not do what was asked; `state` is its kind, the text holds neither address nor token."""

    def __init__(self, state: State, said: str) -> None:
        super().__init__(said)
        self.state = state


def _trouble(error: Exception) -> TroubleError:
    if isinstance(error, ApiException):
        return _answered(error)
    if isinstance(error, InfluxDBError):
        return TroubleError(State.MISSING, "there is no such organisation")
    if isinstance(error, ValueError | TypeError):
        return TroubleError(State.FAULTY, f"no answer of an InfluxDB ({type(error).__name__})")
    # That nobody listens is among its time-outs too, for reasons of its own past.
    if isinstance(error, http.TimeoutError) and not isinstance(error, http.NewConnectionError):
        return TroubleError(State.SLOW, "no answer in time")
    return TroubleError(State.UNREACHABLE, type(error).__name__)


def _answered(error: ApiException) -> TroubleError:
    status = int(error.status or 0)
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
    try:
        message = str(json.loads(body).get("message", ""))
    except (ValueError, AttributeError):
        message = ""
    said = f"status {status} {message}".strip()[:200]
    if status in (401, 403):
        return TroubleError(State.REFUSED, f"status {status}")
    if status == 404:
        return TroubleError(State.MISSING, said)
    if status in (413, 507) or any(word in body for word in _NO_ROOM):
        return TroubleError(State.FULL, said)
    if status in (408, 429, 503, 504):
        return TroubleError(State.SLOW, said)
    return TroubleError(State.FAULTY, said)


class Influx:
    """A connection to the InfluxDB of the settings; opens nothing until first used."""

    def __init__(self, settings: Settings, timeout_ms: int) -> None:
        self._settings = settings
        self._timeout_ms = timeout_ms
        self._client: InfluxDBClient | None = None

    def _open(self) -> InfluxDBClient:
        if self._client is None:
            try:
                token = refusals.private_text(Path(self._settings.influx_token_file), "InfluxDB's token")
            except ConfigurationError as error:
                raise TroubleError(State.REFUSED, "the token's file can't be read") from error
            if not token.isascii() or not token.isprintable() or " " in token:
                # Told apart here: the error of whoever puts it into a header quotes it.
                raise TroubleError(State.REFUSED, "the token's file holds something else")
            self._client = InfluxDBClient(
                url=self._settings.influx_url,
                token=token,
                org=self._settings.influx_org,
                timeout=self._timeout_ms,
                retries=False,
            )
        return self._client

    def close(self) -> None:
        """Closes it; the next use opens it anew, with the token that the file then holds."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def write(self, step: Step, lines: Sequence[str]) -> None:
        """Writes lines into a step's bucket; when it returns they are on InfluxDB's disk. TroubleError."""
        try:
            api = self._open().write_api(write_options=SYNCHRONOUS)
            for start in range(0, len(lines), MOST_LINES):
                api.write(
                    bucket=bucket_of(self._settings.influx_bucket, step),
                    record="\n".join(lines[start : start + MOST_LINES]),
                    write_precision=WritePrecision.S,  # type: ignore[arg-type]
                )
        except _FAULTS as error:
            raise _trouble(error) from error

    def query(self, flux: str) -> list[dict[str, str]]:
        """The rows of a Flux query, all its tables one after the other; values as text. TroubleError."""
        try:
            answer = self._open().query_api().query_raw(flux, dialect=_PLAIN)
            text = answer.read().decode()
        except _FAULTS as error:
            raise _trouble(error) from error
        return [row for table in text.replace("\r\n", "\n").split("\n\n") for row in _rows(table)]

    def ensure_buckets(self) -> dict[Step, int]:
        """Makes the buckets that are missing; returns for how many seconds each keeps its points (0: for
        ever). TroubleError: MISSING if the token may not make one."""
        api = self._open().buckets_api()
        kept: dict[Step, int] = {}
        for step in Step:
            name = bucket_of(self._settings.influx_bucket, step)
            try:
                bucket = api.find_bucket_by_name(name)
                if bucket is None:
                    rule = BucketRetentionRules(
                        type="expire", every_seconds=KEEP_S[step], shard_group_duration_seconds=_SHARD_S[step]
                    )
                    bucket = api.create_bucket(
                        bucket_name=name, org=self._settings.influx_org, retention_rules=rule
                    )
            except (*_FAULTS, TypeError) as error:  # TypeError: the client reads what is no list of buckets
                trouble = _trouble(error)
                if trouble.state is State.MISSING and isinstance(error, ApiException):
                    raise TroubleError(State.MISSING, f"there is no bucket {name}") from error
                raise trouble from error
            rules = bucket.retention_rules or []
            kept[step] = int(rules[0].every_seconds or 0) if rules else 0
        return kept

    def clear(self, steps: Iterable[Step] = Step) -> None:
        """Removes all our points. TroubleError."""
        try:
            api = self._open().delete_api()
            for step in steps:
                api.delete(
                    start="1970-01-01T00:00:00Z",
                    stop="2200-01-01T00:00:00Z",
                    predicate=f'_measurement="{step}"',
                    bucket=bucket_of(self._settings.influx_bucket, step),
                )
        except _FAULTS as error:
            raise _trouble(error) from error


def _rows(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.strip("\n"))))
