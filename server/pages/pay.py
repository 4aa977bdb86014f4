"""The page of the test provider: it stands in for a bank and says so."""

from fastapi import Request, Response

from server.foundation.context import get_context
from server.locales import LANGUAGES, translate
from server.locales.formats import money
from server.orders import states
from server.orders.models import Order
from server.pages import words
from server.pages.rendering import LANGUAGE_COOKIE, language_of, platform, render
from server.pages.words import Look
from server.payments.models import Payment

PAYABLE = ("created", "failed")


def pay_page(request: Request, payment: Payment, order: Order) -> Response:
    """Draws a payment session: the amount, a button to pay, one to decline."""
    language = language_of(request)
    if "lang" not in request.query_params and request.cookies.get(LANGUAGE_COOKIE) not in LANGUAGES:
        language = order.locale
    title = translate(language, "Ce paiement est terminé")
    paid = payment.state == "captured" and order.state in (states.PAID, states.REGISTERED, states.READY)
    if paid:
        title = translate(language, "Payé")
    if order.state in (states.REFUNDING, states.REFUNDED):
        title = translate(language, "Ce paiement est rendu")
    with get_context(request).store.read() as session:
        return render(
            request,
            "pay.html",
            language=language,
            platform=platform(session),
            state_word=payment.state,
            reference=order.reference,
            amount=money(payment.amount_cents, payment.currency, language),
            amount_cents=payment.amount_cents,
            payable=payment.state in PAYABLE,
            failed=payment.state == "failed",
            paid=paid,
            action=request.url.path,
            look=Look(words.GOOD, "check", ""),
            title=title,
        )
