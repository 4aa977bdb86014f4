"""A program that dies (a leak, the kernel's OOM killer) is back within seconds, however often it dies."""

import re

import pytest

from installation import units

LONGEST_S = 10


@pytest.mark.fault("F51")
@pytest.mark.parametrize("unit", [units.server, units.broker, units.gateway], ids=lambda unit: unit.__name__)
def test_f51_every_service_is_started_again_within_ten_seconds_for_ever(unit: object) -> None:
    """systemd gives a unit up after five starts in ten seconds, unless it is told not to."""
    assert callable(unit)
    text = str(unit("/opt/loquet", "loquet"))
    assert "\nRestart=always\n" in text
    assert int(re.findall(r"^RestartSec=(\d+)$", text, re.M)[0]) <= LONGEST_S
    assert "\nStartLimitIntervalSec=0\n" in text.partition("[Service]")[0]
