"""What customers are told by mail, in the language of their order, times by the clock of its site. A code
leaves only here and on the customer's own page.
"""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from firmware.contract.codes import grouped
from server.foundation.context import Context
from server.foundation.outbox import send_mail
from server.grants import codes
from server.grants.service import customer_credential
from server.locales import translate
from server.locales.formats import local, money, period, zone_name
from server.lockers.models import Controller, Site
from server.orders.models import Order
from server.orders.repository import holdings
from server.people.access import order_link
from server.people.models import Platform


@dataclass(frozen=True, slots=True)
class _Letter:
    """An order's mails have these in common."""

    session: Session
    context: Context
    order: Order
    platform: Platform
    bank: Controller
    zone: ZoneInfo

    def say(self, message: str, **values: object) -> str:
        return translate(self.order.locale, message, **values)

    def greeting(self) -> list[str]:
        return [self.say("Bonjour %(name)s,", name=self.order.customer_name), ""]

    def lines(self) -> list[str]:
        """What was ordered, each behind its door once that is chosen."""
        english = self.order.locale == "en"
        out = []
        for held in holdings(self.session, self.order.id):
            name = held.product.name_en if english and held.product.name_en else held.product.name
            door = self.say(", porte %(number)s", number=held.compartment.number) if held.compartment else ""
            out.append(f"- {held.line.quantity} × {name}{door}")
        return [*out, ""]

    def clock(self) -> str:
        return zone_name(self.zone, self.order.locale)

    def window(self) -> str:
        start, end = self.order.window_start, self.order.window_end
        return f"{period(start, end, self.zone, self.order.locale)} ({self.clock()})"

    def until(self) -> str:
        return f"{local(self.order.window_end, self.zone)} ({self.clock()})"

    def send(self, subject: str, lines: list[str], help_line: str) -> None:
        """Puts it into the outbox, with the help number and the platform's name below."""
        foot = ["", self.say(help_line, help=self.platform.help), self.platform.name, ""]
        send_mail(
            self.session,
            self.context,
            to=self.order.customer_email,
            subject=self.say(subject, reference=self.order.reference),
            text="\n".join([*self.greeting(), *lines, *foot]),
            about=f"order:{self.order.id}",
        )


def _(message: str) -> str:
    """Marks a text for the catalogue; it is translated when the order's language is known."""
    return message


STUCK = _("Un souci ? %(help)s")
QUESTION = _("Une question ? %(help)s")


def _letter(session: Session, context: Context, order: Order) -> _Letter:
    bank = session.get_one(Controller, order.controller_id)
    zone = ZoneInfo(session.get_one(Site, bank.site_id).timezone)
    return _Letter(session, context, order, session.get_one(Platform, 1), bank, zone)


def registered(session: Session, context: Context, order: Order) -> None:
    """Paid and registered at the wall: the code, the long code, the link. The goods are not in yet."""
    credential = customer_credential(session, order.id)
    if credential is None:
        return
    short, long = codes.shown(context, credential)
    letter = _letter(session, context, order)
    say = letter.say
    letter.send(
        _("Votre commande %(reference)s : votre code"),
        [
            say("votre commande est payée, elle est en préparation."),
            say("Nous vous écrirons dès qu'elle sera prête."),
            "",
            say("Votre code : %(code)s", code=grouped(short)),
            say("Code long, si le clavier le demande : %(code)s", code=grouped(long)),
            "",
            *letter.lines(),
            say("Où : %(place)s", place=letter.bank.name),
            say("Quand : %(time)s", time=letter.window()),
            say("Votre page : %(link)s", link=order_link(context, order.id)),
        ],
        STUCK,
    )


def ready(session: Session, context: Context, order: Order) -> None:
    """Every line is behind its door."""
    letter = _letter(session, context, order)
    say = letter.say
    letter.send(
        _("Votre commande %(reference)s est prête"),
        [
            say("votre commande vous attend."),
            "",
            *letter.lines(),
            say("Où : %(place)s", place=letter.bank.name),
            say("Jusqu'au : %(time)s", time=letter.until()),
            say("Votre code et vos portes : %(link)s", link=order_link(context, order.id)),
        ],
        STUCK,
    )


def refunded(session: Session, context: Context, order: Order, amount_cents: int) -> None:
    """The money is on its way back."""
    letter = _letter(session, context, order)
    amount = money(amount_cents, order.currency, order.locale)
    letter.send(
        _("Votre commande %(reference)s : remboursée"),
        [
            letter.say("%(amount)s vous sont rendus.", amount=amount),
            letter.say("Le code de cette commande n'ouvre plus rien."),
        ],
        QUESTION,
    )
