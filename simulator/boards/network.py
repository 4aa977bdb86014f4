"""Stand-in for `network`: whether the cable is in or the access point is there is the world's business;
sockets are the interpreter's own.
"""

import world_link as world
from micropython import const

STA_IF = 0
AP_IF = 1
PHY_W5500 = 17
ETH_INITIALIZED = 0
ETH_STARTED = 1
ETH_STOPPED = 2
ETH_CONNECTED = 3
ETH_DISCONNECTED = 4
ETH_GOT_IP = 5
STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010
STAT_NO_AP_FOUND = 201

_LAN = b"\x00"
_WLAN = b"\x01"
_EPERM = const(1)
_ADDRESS = ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1")


def hostname(name=None):
    """The name told to the network."""
    return name or "loquet"


class _Interface:
    _kind = _LAN

    def __init__(self):
        self._active = False

    def active(self, is_active=None):
        """Switch on or off, or ask."""
        if is_active is not None:
            self._active = bool(is_active)
        return self._active

    def isconnected(self):
        """Whether there is a link and an address."""
        return self._active and bool(world.ask(world.NET_STATE, self._kind))

    def ifconfig(self, setting=None):
        """(address, mask, gateway, DNS)."""
        return _ADDRESS if self.isconnected() else ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")

    def ipconfig(self, param=None, **settings):
        """One address setting."""
        address = self.ifconfig()
        return {"addr4": address[:2], "gw4": address[2]}.get(param)

    def config(self, param=None, **settings):
        """Nothing here depends on a setting."""
        return b"\x02\x00\x00\x00\x00\x01" if param == "mac" else None


class LAN(_Interface):
    """Wired Ethernet."""

    def __init__(self, id=0, *, mdc=None, mdio=None, power=None, phy_type=PHY_W5500, phy_addr=0, **other):
        super().__init__()

    def status(self, param=None):
        """One of the ETH_ constants."""
        if not self._active:
            return ETH_INITIALIZED
        return ETH_GOT_IP if self.isconnected() else ETH_DISCONNECTED


class WLAN(_Interface):
    """Wi-Fi station."""

    IF_STA = 0
    IF_AP = 1
    _kind = _WLAN

    def __init__(self, interface_id=IF_STA):
        super().__init__()
        self._wanted = False

    def connect(self, ssid=None, key=None, **other):
        """Start connecting."""
        if not self._active:
            raise OSError(_EPERM)
        self._wanted = True

    def disconnect(self):
        """Leave."""
        self._wanted = False

    def isconnected(self):
        """Whether joined and addressed."""
        return self._wanted and super().isconnected()

    def status(self, param=None):
        """One of the STAT_ constants."""
        if param == "rssi":
            return -60
        if not self._wanted:
            return STAT_IDLE
        return STAT_GOT_IP if self.isconnected() else STAT_NO_AP_FOUND

    def scan(self):
        """No access points are listed."""
        return []
