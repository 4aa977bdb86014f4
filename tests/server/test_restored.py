"""A server put back from a backup: what controllers and gateways know of the lost days does no harm."""

from pathlib import Path

import pytest

from server.gateways.restored import begin_again
from tests.server.bench import Bench
from tests.server.databases import Databases


class Backup:
    """The database as it is now, and how far the gateway had come with it."""

    def __init__(self, bench: Bench, databases: Databases, folder: Path) -> None:
        self._bench = bench
        self._databases = databases
        bench.context.store.close()
        self._copy = databases.copy(bench.folder, folder)
        self._seq, self._sent = bench._seq, bench.sent

    def put_back(self) -> None:
        """As an operator does; the gateway then sends again what the server does not have."""
        self._bench.context.store.close()
        self._databases.put_back(self._copy, self._bench.folder)
        self._databases.remove(self._copy)
        self._bench._seq, self._bench.sent = self._seq, self._sent


@pytest.mark.fault("S13")
def test_after_a_restore_new_codes_open_and_those_of_the_lost_days_do_not(
    bench: Bench, databases: Databases, tmp_path: Path
) -> None:
    bench.sync()
    backup = Backup(bench, databases, tmp_path / "backup")
    lost = bench.order().json()
    bench.pay(lost)
    bench.sync()
    lost_code, _ = bench.codes(lost["id"])
    known = {grant.grant_id for grant in bench.device.opens(lost_code)}
    assert known

    backup.put_back()
    with bench.context.store.write() as session:
        assert begin_again(session, bench.context) >= 1
    query = {"since": str(bench.cursor), "epoch": bench.feed_epoch}
    assert bench.api("GET", "/v1/gateway/changes", params=query, headers=bench.gateway).status_code == 410
    bench.feed_epoch = ""  # hence the gateway takes a snapshot
    bench.sync()
    assert bench.device.opens(lost_code) == []

    order = bench.order().json()
    bench.pay(order)
    assert bench.state(order["id"])["state"] == "paid", "not registered before the controller has it"
    bench.sync()
    assert bench.state(order["id"])["state"] == "registered"
    code, _ = bench.codes(order["id"])
    fresh = bench.device.opens(code)
    assert fresh
    assert known.isdisjoint(grant.grant_id for grant in fresh), "a number is never given twice (R-31)"
