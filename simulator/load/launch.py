"""How a load device is started: its command and environment, for whoever starts processes."""

from dataclasses import dataclass, field
from pathlib import Path

from firmware.contract import records
from simulator.parts.interpreter import compile_firmware, micropython_command
from simulator.parts.places import ROOT

SCRIPT = Path(__file__).with_name("device.py")
PACKAGES = ("firmware/contract", "firmware/core")
HEAP = "16m"
"""No board's: its journal is in memory."""


@dataclass(frozen=True)
class Load:
    """A device and what it is to tell. The site's gateway must know the device and its key."""

    site: str
    device: str
    port: int
    """Of the broker's TLS listener, or of what stands in front of it."""
    psk: str = field(repr=False)
    """Hex."""
    rate: float
    """Records a second, over all lanes."""
    count: int
    """Records in all, dealt to the lanes in turn; the first of the events is a boot record."""
    seed: int
    """Contents, the pauses before it connects again, and the epoch of its journal: at a gateway that has
    heard this seed, a second run is nothing but duplicates."""
    host: str = "127.0.0.1"
    lanes: tuple[int, ...] = (records.EVENTS,)
    doors: int = 8
    zones: tuple[str, ...] = ("chilled",)
    boot: int = 1


def load_command(load: Load, ledger: Path) -> tuple[list[str], dict[str, str]]:
    """The command, and what it adds to the environment (the key is nowhere else). `ledger` is appended to;
    what it uses of the firmware is compiled into the folder `code` beside it.

    Raises simulator.parts.interpreter.CompileError, and LookupError if there is no MicroPython here.
    """
    code = ledger.parent / "code"
    for package in PACKAGES:
        compile_firmware(ROOT / package, code / package)
    environment = {
        # What is compiled comes first, then the load device's own modules.
        "MICROPYPATH": f"{code}:{ROOT}:.frozen",
        "LOAD_SITE": load.site,
        "LOAD_DEVICE": load.device,
        "LOAD_HOST": load.host,
        "LOAD_PORT": str(load.port),
        "LOAD_PSK": load.psk,
        "LOAD_RATE": str(load.rate),
        "LOAD_COUNT": str(load.count),
        "LOAD_SEED": str(load.seed),
        "LOAD_BOOT": str(load.boot),
        "LOAD_LANES": ",".join(str(lane) for lane in load.lanes),
        "LOAD_DOORS": str(load.doors),
        "LOAD_ZONES": ",".join(load.zones),
        "LOAD_LEDGER": str(ledger),
    }
    return [*micropython_command(HEAP), str(SCRIPT)], environment
