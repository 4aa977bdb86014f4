"""What is well and what somebody must see to, as one list: `checks(context)`. The manager's page of health
shows it, `./loquet doctor` prints it.

Imports foundation, alarms, gateways, payments and telemetry; only pages, commands and the
installation import it.
"""

from server.healthcheck.check import BAD, OK, WARN, Check
from server.healthcheck.listing import checks

__all__ = ["BAD", "OK", "WARN", "Check", "checks"]
