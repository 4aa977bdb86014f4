"""A site's core of one's own; and what runs a real broker and a real gateway process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.peer import Peer
from tests.gateway.rig import Rig
from tests.gateway.site_bench import Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A core over a store of its own."""
    made = Bench()
    yield made
    made.database.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    """The server's side."""
    made = Peer()
    yield made
    made.close()
    assert made.errors == []


@pytest.fixture
def rig(tmp_path: Path, peer: Peer) -> Iterator[Rig]:
    """A broker and a gateway, not yet started."""
    made = Rig(tmp_path, peer)
    yield made
    made.close()
