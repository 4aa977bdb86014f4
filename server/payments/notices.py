"""What managers are told of money that only a person can put right."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.foundation.context import Context
from server.foundation.outbox import send_mail
from server.locales import translate
from server.locales.formats import money
from server.orders.models import Order
from server.payments.models import Payment
from server.payments.provider import Event
from server.people.models import MANAGER, Person


def mismatch(session: Session, context: Context, order: Order, payment: Payment, event: Event) -> None:
    """A captured payment of another sum than was asked: mails every manager. Nothing else is done with it."""
    for person in session.scalars(select(Person).where(Person.role == MANAGER).order_by(Person.email)):
        subject = translate(
            person.locale, "Commande %(reference)s : paiement d'un autre montant", reference=order.reference
        )
        text = translate(
            person.locale,
            "Reçu : %(told)s. Demandé : %(asked)s.\n\nRien n'a été fait de cet argent, et la commande "
            "n'est pas payée. Rendez-le chez le prestataire de paiement, et prévenez la boutique.",
            told=money(event.amount_cents, event.currency, person.locale),
            asked=money(payment.amount_cents, payment.currency, person.locale),
        )
        send_mail(
            session,
            context,
            to=person.email,
            subject=subject,
            text=f"{text}\n\n{context.settings.base_url}/manager/orders\n",
            about=f"order:{order.id}",
        )
