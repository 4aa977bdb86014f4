"""The copy of the identity in a block of its own, as the firmware keeps it (`firmware.services.storage.
Spare`): `LI`, length, CRC-32 of the content, content. A test holds the two together.
"""

import binascii
import struct

_HEAD = struct.Struct("<2sHI")


def content_of(block: bytes) -> bytes:
    """The content; empty if the block holds none, or a damaged one."""
    magic, length, check = _HEAD.unpack_from(block)
    content = block[_HEAD.size : _HEAD.size + length]
    if magic != b"LI" or not 0 < length == len(content) or binascii.crc32(content) != check:
        return b""
    return content
