"""The systemd units. Each service may write its state's folder and nothing else (systemd.exec(5)).

No WatchdogSec: the gateway ends by itself when one of its threads dies or is stuck, and `Restart` starts it
again; the server says on `/readyz` that its background thread is gone. No ProtectClock: it would also forbid
asking the kernel whether the clock is kept right, hence the two calls that `@system-service` lacks.
"""

import re

from installation import places

_HARDENED = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
PrivateTmp=yes
PrivateDevices=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service adjtimex clock_adjtime
SystemCallErrorNumber=EPERM
UMask=0077
StateDirectory=loquet
StateDirectoryMode=0700
"""

SERVER = "loquet-server.service"
BROKER = "loquet-broker.service"
GATEWAY = "loquet-gateway.service"
BACKUP = "loquet-backup.service"
BACKUP_TIMER = "loquet-backup.timer"


def _service(description: str, after: str, user: str, commands: str, extra: str = "") -> str:
    wants = " ".join(unit for unit in after.split() if unit != "time-sync.target")
    return f"""\
# Written by ./loquet install; to change it: systemctl edit.
[Unit]
Description={description}
After={after}
Wants={wants}
StartLimitIntervalSec=0

[Service]
User={user}
{commands}Restart=always
RestartSec=2
{extra}{_HARDENED}
[Install]
WantedBy=multi-user.target
"""


def server(program: str, user: str) -> str:
    """The server; a database server on the same machine is up before it."""
    start = f"ExecStart={program}/loquet server run --config {places.SERVER_SETTINGS}\n"
    after = "network-online.target time-sync.target postgresql.service"
    unit = _service("Loquet, the server", after, user, start, "TimeoutStopSec=30\n")
    return unit.replace("Wants=network-online.target postgresql.service", "Wants=network-online.target")


def broker(program: str, user: str) -> str:
    """The site's broker: its files are written anew at each start."""
    commands = (
        f"ExecStartPre={program}/loquet gateway broker --config {places.GATEWAY_SETTINGS}\n"
        f"ExecStart={places.MOSQUITTO} -c {places.BROKER_CONFIGURATION}\n"
        "ExecReload=/bin/kill -HUP $MAINPID\n"
    )
    return _service("Loquet, the site's MQTT broker", "network-online.target", user, commands)


def gateway(program: str, user: str) -> str:
    """The gateway. It does not wait for the right time: it knows when it does not have it."""
    start = f"ExecStart={program}/loquet gateway run --config {places.GATEWAY_SETTINGS}\n"
    return _service("Loquet, the site's gateway", f"network-online.target {BROKER}", user, start)


def backup(program: str, user: str, keep: int) -> str:
    """One backup, verified; the timer starts it every night."""
    return f"""\
# Written by ./loquet install; to change it: systemctl edit.
[Unit]
Description=Loquet, a backup of the server, verified
After={SERVER}

[Service]
Type=oneshot
User={user}
ExecStart={program}/loquet backup {places.BACKUPS} --config {places.SERVER_SETTINGS} --keep {keep}
Nice=10
IOSchedulingClass=idle
ReadWritePaths={places.BACKUPS}
{_HARDENED}"""


def kept_by(text: str) -> int | None:
    """How many backups a unit that `backup` wrote keeps."""
    found = re.search(r"^ExecStart=.* --keep ([0-9]+)$", text, re.MULTILINE)
    return int(found[1]) if found else None


def backup_timer() -> str:
    """Every night, also after a night switched off."""
    return """\
# Written by ./loquet install; to change it: systemctl edit.
[Unit]
Description=Loquet, a backup every night

[Timer]
OnCalendar=*-*-* 03:10:00
RandomizedDelaySec=20min
Persistent=true

[Install]
WantedBy=timers.target
"""
