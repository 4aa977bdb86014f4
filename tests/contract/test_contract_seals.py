"""Seals (R-20 to R-24)."""

from firmware.contract import seals
from firmware.contract.errors import ContractError

KEY = bytes(range(32))


def _opens(
    payload: bytes, site: str = "ferme", device: str = "wall-1", leaf: str = "cmd", key: bytes = KEY
) -> bool:
    try:
        return seals.unseal(seals.derive(key, b"doc"), site, device, leaf, payload) == b"body"
    except ContractError as error:
        if error.reason != "seal":
            raise
        return False


def test_the_mac_is_hmac_sha256() -> None:
    # RFC 4231, test case 2, and a 32-byte key computed with OpenSSL's tools.
    mac = seals.Mac(b"Jefe" + bytes(28))
    want = bytes(
        [0x5B, 0xDC, 0xC1, 0x46, 0xBF, 0x60, 0x75, 0x4E, 0x6A, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xC7]
    )
    assert mac.digest(b"what do ya want for nothing?")[:16] == want


def test_r20_keys_of_two_purposes_differ_and_are_not_the_key_itself() -> None:
    doc, code = seals.derive(KEY, b"doc"), seals.derive(KEY, b"code")
    macs = [one.digest(b"x") for one in (doc, code, seals.Mac(KEY))]
    assert len(set(macs)) == 3


def test_r20_a_key_has_32_bytes() -> None:
    for length in (0, 31, 33):
        reason = ""
        try:
            seals.Mac(bytes(length))
        except ContractError as error:
            reason = error.reason
        assert reason == "key"


def test_r21_a_sealed_body_is_16_bytes_longer_and_opens_where_it_belongs() -> None:
    payload = seals.seal(seals.derive(KEY, b"doc"), "ferme", "wall-1", "cmd", b"body")
    assert len(payload) == 16 + 4
    assert payload[16:] == b"body"
    assert _opens(payload)


def test_r22_one_changed_bit_anywhere_is_refused() -> None:
    payload = seals.seal(seals.derive(KEY, b"doc"), "ferme", "wall-1", "cmd", b"body")
    for at in range(len(payload)):
        for bit in range(8):
            altered = bytearray(payload)
            altered[at] ^= 1 << bit
            assert not _opens(bytes(altered))
    for length in range(len(payload)):
        assert not _opens(payload[:length])
    assert not _opens(payload + b"\x00")


def test_r22_another_site_device_leaf_or_key_is_refused() -> None:
    payload = seals.seal(seals.derive(KEY, b"doc"), "ferme", "wall-1", "cmd", b"body")
    assert not _opens(payload, site="halle")
    assert not _opens(payload, device="wall-2")
    assert not _opens(payload, leaf="desired")
    assert not _opens(payload, key=bytes(32))


def test_r24_equality_looks_at_every_byte() -> None:
    class Counted:
        def __init__(self, data: bytes) -> None:
            self.data = data
            self.looks = 0

        def __len__(self) -> int:
            return len(self.data)

        def __getitem__(self, at: int) -> int:
            self.looks += 1
            return self.data[at]

    for other in (b"12345678", b"x2345678", b"1234567x"):
        counted = Counted(b"12345678")
        assert seals.same(counted, other) == (other == b"12345678")  # type: ignore[arg-type]
        assert counted.looks == 8
    assert not seals.same(b"1", b"12")
