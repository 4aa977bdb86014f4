"""Every table of every subject, imported so that migrations and tests see them all. A subject adds its line
here."""

from server.alarms import models as alarms
from server.catalogue import models as catalogue
from server.coldchain import models as coldchain
from server.foundation import audit, idempotency, outbox, timers
from server.gateways import models as gateways
from server.grants import models as grants
from server.lockers import models as lockers
from server.orders import models as orders
from server.payments import models as payments
from server.people import models as people
from server.telemetry import models as telemetry

__all__ = [
    "alarms",
    "audit",
    "catalogue",
    "coldchain",
    "gateways",
    "grants",
    "idempotency",
    "lockers",
    "orders",
    "outbox",
    "payments",
    "people",
    "telemetry",
    "timers",
]
