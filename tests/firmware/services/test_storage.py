"""What flash answers through `esp32.Partition`, as the journal understands it."""

from firmware.core.ring import FlashError
from firmware.services.storage import RawPartition


class Broken:
    """A partition whose chip answers nothing but its size."""

    def ioctl(self, op: int, arg: int) -> int:
        """As esp32.Partition: 4 blocks of 4096 bytes, and no erase."""
        if op == 6:
            raise OSError(5, arg)
        return 4 if op == 4 else 4096

    def readblocks(self, block_num: int, buf: bytearray | memoryview, offset: int = 0) -> None:
        """Refused."""
        raise OSError(5, block_num, len(buf), offset)

    def writeblocks(self, block_num: int, buf: bytes | bytearray | memoryview, offset: int = 0) -> None:
        """Refused."""
        raise OSError(5, block_num, len(buf), offset)


def _act(name: str, raw: RawPartition) -> None:
    if name == "read":
        raw.read(0, bytearray(4), 0)
    elif name == "write":
        raw.write(0, b"1234", 0)
    else:
        raw.erase(0)


def test_whatever_the_chip_refuses_is_a_flash_error() -> None:
    for name in ("read", "write", "erase"):
        refused = ""
        try:
            _act(name, RawPartition(Broken()))
        except FlashError as error:
            refused = error.args[0]
        assert refused == name
