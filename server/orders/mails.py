"""What customers are told by mail, in their language. A code leaves only here and on the customer's own
page."""

from sqlalchemy.orm import Session

from firmware.contract.codes import grouped
from server.foundation.context import Context
from server.foundation.outbox import send_mail
from server.grants import codes
from server.grants.service import customer_credential
from server.lockers.models import Controller
from server.orders.models import Order
from server.orders.repository import holdings
from server.people.access import order_link
from server.people.models import Platform


def _platform(session: Session) -> Platform:
    return session.get_one(Platform, 1)


def _when(order: Order) -> str:
    return f"{order.window_start:%d/%m %H:%M} – {order.window_end:%d/%m %H:%M} UTC"


def _lines(session: Session, order: Order) -> str:
    english = order.locale == "en"
    word = "door" if english else "porte"
    out = []
    for held in holdings(session, order.id):
        name = held.product.name_en if english else held.product.name
        door = f", {word} {held.compartment.number}" if held.compartment else ""
        out.append(f"- {held.line.quantity} × {name}{door}")
    return "\n".join(out)


def registered(session: Session, context: Context, order: Order) -> None:
    """Paid and registered at the wall: the code, the long code, the link. The goods are not in yet."""
    credential = customer_credential(session, order.id)
    if credential is None:
        return
    short, long = codes.shown(context, credential)
    platform = _platform(session)
    bank = session.get_one(Controller, order.controller_id)
    link = order_link(context, order.id)
    if order.locale == "en":
        subject = f"Your order {order.reference}: your code"
        text = (
            f"Hello {order.customer_name},\n\nyour order is paid and being prepared. "
            f"We write again when it is ready.\n\nYour code: {grouped(short)}\n"
            f"Long code, if the keypad asks for it: {grouped(long)}\n\n"
            f"{_lines(session, order)}\n\nWhere: {bank.name}\nWhen: {_when(order)}\n"
            f"Your page: {link}\n\n"
            f"Stuck? {platform.help}\n{platform.name}\n"
        )
    else:
        subject = f"Votre commande {order.reference} : votre code"
        text = (
            f"Bonjour {order.customer_name},\n\nvotre commande est payée, elle est en préparation. Nous vous "
            f"écrirons dès qu'elle sera prête.\n\nVotre code : {grouped(short)}\nCode long, si le clavier le "
            f"demande : {grouped(long)}\n\n{_lines(session, order)}\n\n"
            f"Où : {bank.name}\nQuand : {_when(order)}\n"
            f"Votre page : {link}\n\nUn souci ? {platform.help}\n{platform.name}\n"
        )
    send_mail(
        session, context, to=order.customer_email, subject=subject, text=text, about=f"order:{order.id}"
    )


def ready(session: Session, context: Context, order: Order) -> None:
    """Every line is behind its door."""
    platform = _platform(session)
    bank = session.get_one(Controller, order.controller_id)
    link = order_link(context, order.id)
    if order.locale == "en":
        subject = f"Your order {order.reference} is ready"
        text = (
            f"Hello {order.customer_name},\n\nyour order waits for you.\n\n{_lines(session, order)}\n\n"
            f"Where: {bank.name}\nUntil: {_when(order)}\nYour code: {link}\n\nStuck? {platform.help}\n"
            f"{platform.name}\n"
        )
    else:
        subject = f"Votre commande {order.reference} est prête"
        text = (
            f"Bonjour {order.customer_name},\n\nvotre commande vous attend.\n\n{_lines(session, order)}\n\n"
            f"Où : {bank.name}\nJusqu'à : {_when(order)}\nVotre code : {link}\n\nUn souci ? {platform.help}\n"
            f"{platform.name}\n"
        )
    send_mail(
        session, context, to=order.customer_email, subject=subject, text=text, about=f"order:{order.id}"
    )


def refunded(session: Session, context: Context, order: Order, amount_cents: int) -> None:
    """The money is on its way back."""
    platform = _platform(session)
    amount = f"{amount_cents // 100},{amount_cents % 100:02d} {order.currency}"
    if order.locale == "en":
        subject = f"Your order {order.reference}: refunded"
        text = (
            f"Hello {order.customer_name},\n\n{amount.replace(',', '.')} is on its way back to you. "
            f"The code of this order opens nothing any more.\n\nQuestions? {platform.help}\n{platform.name}\n"
        )
    else:
        subject = f"Votre commande {order.reference} : remboursée"
        text = (
            f"Bonjour {order.customer_name},\n\n{amount} vous sont rendus. "
            f"Le code de cette commande n'ouvre plus rien.\n\n"
            f"Une question ? {platform.help}\n{platform.name}\n"
        )
    send_mail(
        session, context, to=order.customer_email, subject=subject, text=text, about=f"order:{order.id}"
    )
