"""Where an installed Loquet has its things, on every machine the same."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
"""The program that runs now."""

SETTINGS = "/etc/loquet"
STATE = "/var/lib/loquet"
BACKUPS = "/var/backups/loquet"
UNITS = "/etc/systemd/system"
EXAMPLES = "/etc/loquet/examples"

SERVER_SETTINGS = f"{SETTINGS}/server.toml"
SITE_FILE = f"{SETTINGS}/site.toml"
SECRETS = f"{STATE}/secrets.json"
GATEWAY_SETTINGS = f"{SETTINGS}/gateway.toml"
GATEWAY_TOKEN = f"{SETTINGS}/gateway.token"
DEVICES = f"{SETTINGS}/devices.json"
BROKER_CONFIGURATION = f"{STATE}/broker/mosquitto.conf"
MOSQUITTO = "/usr/sbin/mosquitto"
