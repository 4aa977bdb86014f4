"""Who may do what: one-time links, sessions, roles, forms from elsewhere, customers' signed links."""

import pytest

from server.foundation.errors import Gone, NotFound
from server.people import logins
from server.people.access import check_order_token, order_token
from tests.server.bench import Bench


def link(bench: Bench, email: str = "manager@example.org") -> str:
    """A fresh link's token."""
    with bench.context.store.write() as session:
        return logins.make_link(session, bench.context, email).rpartition("/")[2]


def test_a_link_works_once_by_use_not_by_look(bench: Bench) -> None:
    token = link(bench)
    with bench.context.store.read() as session:
        assert logins.peek(session, bench.context, token).role == "manager"
        assert logins.peek(session, bench.context, token).role == "manager"
    with bench.context.store.write() as session:
        _, cookie = logins.use_link(session, bench.context, token)
    with pytest.raises(Gone), bench.context.store.write() as session:
        logins.use_link(session, bench.context, token)
    with bench.context.store.write() as session:
        assert logins.who(session, bench.context, cookie) is not None
        logins.end_session(session, bench.context, cookie)
        assert logins.who(session, bench.context, cookie) is None


def test_a_link_is_too_old_after_a_quarter_of_an_hour(bench: Bench) -> None:
    token = link(bench)
    bench.clock.advance(minutes=15)
    with pytest.raises(Gone), bench.context.store.write() as session:
        logins.use_link(session, bench.context, token)


def test_nobody_learns_who_is_known(bench: Bench) -> None:
    with bench.context.store.write() as session:
        logins.mail_link(session, bench.context, "nobody@example.org")
    with pytest.raises(NotFound):
        link(bench, "nobody@example.org")


def test_a_person_is_not_flooded_with_links(bench: Bench) -> None:
    for _ in range(logins.MAX_LINKS + 3):
        with bench.context.store.write() as session:
            logins.mail_link(session, bench.context, "Manager@example.org")
    lines = bench.api("GET", "/api/v1/audit", headers=bench.login()).json()["items"]
    assert sum(line["action"] == "mail.requested" for line in lines) == logins.MAX_LINKS


def test_a_producer_is_no_manager_and_a_shop_sees_its_own_orders_alone(bench: Bench) -> None:
    producer = bench.login("source@example.org")
    assert bench.api("GET", "/api/v1/audit", headers=producer).status_code == 403
    assert bench.api("GET", "/api/v1/audit", headers=bench.shop).status_code == 401
    assert bench.api("GET", "/api/v1/audit").status_code == 401
    assert bench.api("GET", "/api/v1/orders", headers=producer).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 422),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://server.test"}, 422),
        ({}, 422),
    ],
)
def test_a_form_from_elsewhere_is_refused(bench: Bench, headers: dict[str, str], status: int) -> None:
    path = "/api/v1/controllers/wall-1/doors/1/open"
    answer = bench.api("POST", path, json={}, headers={**bench.login(), **headers})
    assert answer.status_code == status


def test_every_answer_has_its_security_headers(bench: Bench) -> None:
    for path in ("/healthz", "/api/v1/orders", "/nothing"):
        headers = bench.api("GET", path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_a_customers_link_is_good_for_one_order(bench: Bench) -> None:
    one, other = bench.order(("lait",)).json()["id"], bench.order(("lait",)).json()["id"]
    check_order_token(bench.context, one, order_token(bench.context, one))
    for wrong in (order_token(bench.context, other), "", "é"):
        with pytest.raises(NotFound):
            check_order_token(bench.context, one, wrong)
