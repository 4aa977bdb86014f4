"""What a server restored from a backup owes to those who know more than it does: new epochs, and numbers
above all that were given in the lost days.

A controller ignores a version that is not above the one it holds (R-33, R-61) and never takes a grant's or a
load's number twice (R-31, R-35); a gateway trusts a cursor only within an epoch.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.coldchain import service as coldchain
from server.foundation.audit import record
from server.foundation.context import Context
from server.gateways.models import Gateway
from server.grants import sets
from server.lockers import configuration
from server.lockers.models import REVOKED, Controller

LEAP = 100_000
"""More than a bank gives in the days between two backups; 32 bits have room for 40 000 of these."""


def begin_again(session: Session, context: Context) -> int:
    """Gives every feed a new epoch, and every controller's documents, grants and loads numbers above any
    given before; returns the number of controllers that get their documents anew.
    """
    for gateway in session.scalars(select(Gateway)):
        gateway.feed_epoch = context.ids.token(8)
    sent = 0
    for controller in session.scalars(select(Controller).order_by(Controller.id)):
        is_bank = controller.kind == "bank"
        controller.config_version += LEAP
        controller.grants_version += LEAP if is_bank else 0
        controller.last_grant_no += LEAP
        controller.last_credential_no += LEAP
        controller.last_load += LEAP
        if controller.presence == REVOKED:
            continue
        coldchain.expect_all(session, controller.id, int(context.clock.now().timestamp()))
        controller.config_body = None  # so that it counts as changed
        configuration.publish(session, context, controller, "system")
        if is_bank:  # also without grants of its own: it may hold some of the lost days
            sets.resend(session, context, controller)
        sent += 1
    record(session, context, "system", "server.restored", "platform", {"controllers": sent})
    return sent
