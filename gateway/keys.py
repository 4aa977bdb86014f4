"""Every key of `gateway.toml`, explained once: the settings file that `./loquet gateway install` writes, and
the table of `docs/operations.md`, say it in these words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """What a key is for. `example` is what an installed box has; `optional` keys may be left out."""

    meaning: str
    example: str
    optional: bool = False


KEYS = {
    "site": Key("the site's id in the site file", "ferme"),
    "server_url": Key("where the server is; its certificate is checked", "https://loquet.example.org"),
    "token_file": Key("a file that holds the gateway's token", "/etc/loquet/gateway.token"),
    "store": Key(
        "the gateway's one SQLite file; on a disk that keeps its word about `fsync`",
        "/var/lib/loquet/gateway.db",
    ),
    "broker": Key("where the gateway finds its broker; loopback", "127.0.0.1:1884"),
    "broker_dir": Key("folder of the broker's generated files", "/var/lib/loquet/broker"),
    "broker_pid_file": Key(
        "where the broker writes its process id; the gateway has it reload when devices change",
        "/var/lib/loquet/broker/mosquitto.pid",
    ),
    "tls_listen": Key(
        "where controllers find the broker: an address of the LAN, never of the internet",
        "192.168.10.2:8884",
    ),
    "devices_file": Key("JSON: device to its key for the link (`psk`), in hex", "/etc/loquet/devices.json"),
    "broker_listen": Key(
        "where the broker listens for the gateway, if something stands between the two",
        "127.0.0.1:1884",
        optional=True,
    ),
    "persist_dir": Key(
        "folder of the gateway's password and the list of revoked devices; if absent, the store's folder",
        "/var/lib/loquet",
        optional=True,
    ),
    "server_ca_file": Key(
        "PEM: the authorities of a server whose certificate no public one has signed",
        "/etc/loquet/server-ca.pem",
        optional=True,
    ),
}
