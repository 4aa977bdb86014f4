"""Counts in flash, one byte a program, going on from what it finds; prints where it starts."""

import esp32

(ring,) = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="events")
buf = bytearray(1)
at = 0
ring.readblocks(0, buf, at)
while buf[0] != 0xFF:
    at += 1
    ring.readblocks(0, buf, at)
print("from", at)
while at < 4096:
    ring.writeblocks(0, b"\x00", at)
    at += 1
print("full")
while True:
    pass
