"""Runs on the board: what is this, and who is it? Prints one line of JSON; never a key.

`WANTED` is put in front of it: `i2c` (bus, clock pin, data pin), `straps` (pins, lowest bit first),
`probes` (pins of the 1-Wire lines), `root`.
"""

import binascii
import hashlib
import json
import os
import struct
import sys

import esp32
import machine
import onewire
import vfs

WANTED = globals().get("WANTED")
_MAGIC = b"LI"


def _calm():
    """A program that was interrupted leaves its watchdog behind; it can't be stopped, but told to wait."""
    if "main.py" in os.listdir(WANTED["root"]):
        machine.WDT(timeout=600_000)


def _partitions():
    found = esp32.Partition.find(esp32.Partition.TYPE_DATA)
    return {part.info()[4]: part.info()[3] for part in found}


def _let_go():
    """Whether a program had mounted its files."""
    try:
        vfs.umount("/data")
    except OSError:
        return False
    return True


def _from_files():
    _let_go()
    found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="data")
    if not found:
        return b""
    try:
        vfs.mount(vfs.VfsLfs2(found[0]), "/data")
    except OSError:
        return b""  # erased, or beyond repair: then the copy speaks
    try:
        with open("/data/identity.json", "rb") as file:
            return file.read()
    except OSError:
        return b""
    finally:
        vfs.umount("/data")


def _from_copy():
    """The copy in the last block of the readings, as `firmware.services.storage.Spare` keeps it."""
    found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="readings")
    if not found:
        return b""
    last = found[0].ioctl(4, 0) - 1
    head = bytearray(8)
    found[0].readblocks(last, head, 0)
    magic, length, check = struct.unpack("<2sHI", head)
    if magic != _MAGIC or not 0 < length <= 4088:
        return b""
    content = bytearray(length)
    found[0].readblocks(last, content, 8)
    return bytes(content) if binascii.crc32(content) == check else b""


def _identity():
    """Site, device and the SHA-256 of the whole, by which the asker knows whether it is the same."""
    for content in (_from_files(), _from_copy()):
        try:
            document = json.loads(content)
            names = {"site": document["site"], "device": document["device"]}
        except (ValueError, KeyError, TypeError):
            continue
        names["sha256"] = binascii.hexlify(hashlib.sha256(content).digest()).decode()
        return names
    return None


def _psk():
    try:
        import tls

        return hasattr(tls.SSLContext(tls.PROTOCOL_TLS_CLIENT), "psk_identity")
    except (ImportError, AttributeError):
        return False


def _flash_size():
    try:
        import esp

        return esp.flash_size()
    except ImportError:
        return 0


def _answering():
    bus, scl, sda = WANTED["i2c"]
    return machine.I2C(bus, scl=machine.Pin(scl), sda=machine.Pin(sda), freq=100_000).scan()


def _probes():
    """ROM ids on each line; an empty list where nobody answers."""
    return [
        [binascii.hexlify(rom).decode() for rom in onewire.OneWire(machine.Pin(gpio)).scan()]
        for gpio in WANTED["probes"]
    ]


def _revision():
    value = 0
    for bit, gpio in enumerate(WANTED["straps"]):
        value |= machine.Pin(gpio, machine.Pin.IN).value() << bit
    return value


_calm()
_us = sys.implementation
print(
    json.dumps(
        {
            "name": _us.name,
            "version": list(_us.version[:3]),
            "machine": getattr(_us, "_machine", ""),
            "mpy": getattr(_us, "_mpy", 0) & 0xFF,
            "littlefs": hasattr(vfs, "VfsLfs2"),
            "psk": _psk(),
            "flash": _flash_size(),
            "partitions": _partitions(),
            "i2c": _answering(),
            "probes": _probes(),
            "revision": _revision(),
            "id": binascii.hexlify(machine.unique_id()).decode(),
            "identity": _identity(),
        }
    )
)
