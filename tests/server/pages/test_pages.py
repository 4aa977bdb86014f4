"""The pages: who may see which, in which language, what they say, and that every form leads somewhere."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import select

from server.gateways.models import Gateway
from server.lockers.models import Zone
from server.orders.models import Order
from server.sitefile.secrets_file import Secrets
from tests.server.conftest import Templates
from tests.server.databases import Databases
from tests.server.pages.stage import Stage, fill, prepare, trouble

MANAGER_PAGES = (
    "/manager",
    "/manager/zones/wall-1/chilled",
    "/manager/zones/hangar-1/room-1?period=24h",
    "/manager/doors",
    "/manager/doors/wall-1/1",
    "/manager/alarms",
    "/manager/orders",
    "/manager/hangar",
    "/manager/health?verify=yes",
)
PRODUCER = "tilleuls@example.org"


class _Checker(HTMLParser):
    """Collects what every page must have, and what none may have."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.fields: list[str] = []
        self.faults: list[str] = []
        self.language = ""
        self.headings = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if "id" in named:
            self.ids.append(named["id"] or "")
        if tag == "html":
            self.language = named.get("lang") or ""
        if tag == "h1":
            self.headings += 1
        if tag == "label":
            self.labels.add(named.get("for") or "")
        if tag in ("input", "select", "textarea") and named.get("type") != "hidden":
            self.fields.append(named.get("id") or "")
        if "style" in named or tag == "style" or any(name.startswith("on") for name in named):
            self.faults.append(f"{tag} with inline style or script: {named}")
        if tag == "script" and not named.get("src"):
            self.faults.append("inline script")
        if tag == "form" and (named.get("method") or "").lower() != "post":
            self.faults.append("a form that is not a POST")


def check(html: str, language: str = "fr") -> None:
    """What holds for every page."""
    seen = _Checker()
    seen.feed(html)
    assert seen.faults == []
    assert seen.language == language
    assert seen.headings == 1
    assert len(seen.ids) == len(set(seen.ids)), "an id twice"
    assert [field for field in seen.fields if field not in seen.labels] == [], "a field without a label"


def fill_up(folder: Path) -> Secrets:
    """A farm where much has happened; its orders are written beside the database."""
    secrets = prepare(folder)
    stage = Stage(folder, secrets)
    orders = fill(stage)
    trouble(stage)
    (folder / "orders.json").write_text(json.dumps(orders))
    stage.close()
    return secrets


@pytest.fixture
def full(
    databases: Databases, templates: Templates, tmp_path: Path
) -> Iterator[tuple[Stage, dict[str, str]]]:
    """A copy of such a farm, and its orders by what became of them."""
    source, secrets = templates.get(databases.kind, "full", fill_up)
    folder = databases.copy(source, tmp_path / "full")
    stage = Stage(folder, secrets, again=True)
    yield stage, json.loads((folder / "orders.json").read_text())
    stage.close()
    databases.remove(folder)


def test_every_page_is_whole_in_both_languages(full: tuple[Stage, dict[str, str]]) -> None:
    stage, orders = full
    paths: list[tuple[str, str | None]] = [(path, "manager@example.org") for path in MANAGER_PAGES]
    paths += [("/producer", PRODUCER), ("/login", None), ("/no-such-page", None)]
    paths += [(stage.link(order), None) for order in orders.values()]
    with stage.context.store.read() as session:
        held = session.get_one(Order, orders["held"])
    paths.append((stage.state(held.id)["payment"]["url"].removeprefix("http://server.test"), None))
    for path, email in paths:
        for language in ("fr", "en"):
            mark = "&" if "?" in path else "?"
            answer = stage.page(f"{path}{mark}lang={language}", email)
            assert answer.status_code == (404 if path == "/no-such-page" else 200), (path, answer.text[:300])
            check(answer.text, language)
            assert answer.headers["cache-control"] == "no-store"
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe-inline" not in policy


def test_english_pages_have_no_french_left(full: tuple[Stage, dict[str, str]]) -> None:
    stage, orders = full
    french = re.compile(
        r"\b(portes?|commande|alarme|chambre froide|température|depuis|motif|casier|retirer|déposer|aucun)\b",
        re.IGNORECASE,
    )
    names = re.compile(
        r"Mur de la ferme|Mur du bourg|Chambres froides du MIL|Chambre \d|Froid|Surgelé|Ambiant"
    )
    for path, email in [
        *[(path, "manager@example.org") for path in MANAGER_PAGES],
        ("/producer", PRODUCER),
        (stage.link(orders["ready"]), None),
    ]:
        mark = "&" if "?" in path else "?"
        text = re.sub(r"<[^>]+>", " ", stage.page(f"{path}{mark}lang=en", email).text)
        left = french.findall(names.sub("", text))
        assert left == [], path


def test_language_is_chosen_and_remembered(stage: Stage) -> None:
    english = stage.page("/login?lang=en", None)
    assert "loquet_language=en" in english.headers["set-cookie"]
    kept = stage.api("GET", "/login", headers={"Cookie": "loquet_language=en"})
    assert 'lang="en"' in kept.text
    assert 'lang="fr"' in stage.api("GET", "/login").text
    wished = stage.api("GET", "/login", headers={"Accept-Language": "en-GB,en;q=0.9"})
    assert '<html lang="en">' in wished.text
    other = stage.api("GET", "/login", headers={"Accept-Language": "de,fr;q=0.5"})
    assert '<html lang="fr">' in other.text


@pytest.mark.parametrize("path", MANAGER_PAGES)
def test_a_managers_page_is_for_managers(stage: Stage, path: str) -> None:
    stranger = stage.page(path, None)
    assert stranger.status_code == 401
    check(stranger.text)
    assert stage.page(path, PRODUCER).status_code == 403


def test_a_producer_sees_their_own_lines_and_code_alone(full: tuple[Stage, dict[str, str]]) -> None:
    stage, _ = full
    mine = stage.page("/producer", PRODUCER)
    assert "Poulet fermier" in mine.text
    assert "Fromage frais" not in mine.text
    theirs = stage.page("/producer", "pre-vert@example.org")
    assert "Fromage frais" in theirs.text
    codes = [page.text.split("data-personal-code>")[1].split("<")[0] for page in (mine, theirs)]
    assert codes[0].replace(" ", "") == stage.personal("tilleuls")
    assert codes[1].replace(" ", "") == stage.personal("pre-vert")
    assert stage.page("/producer").status_code == 403


def test_the_customers_page_follows_the_order(stage: Stage) -> None:
    order = stage.order(("tomates", "yaourts")).json()
    link = stage.link(order["id"])
    assert 'data-order-state="held"' in stage.page(link, None).text
    assert order["payment"]["url"] in stage.page(link, None).text
    stage.pay(order)
    stage.sync()
    preparing = stage.page(link, None).text
    assert 'data-order-state="registered"' in preparing
    short, long = stage.codes(order["id"])
    assert preparing.split("data-code>")[1].split("<")[0].replace(" ", "") == short
    assert preparing.split("data-long-code>")[1].split("<")[0].replace(" ", "") == long
    assert preparing.count('data-state="bound"') == 2
    assert "<svg" in preparing.split('class="qr"')[1]
    stage.load_all()
    ready = stage.page(link, None).text
    assert 'data-order-state="ready"' in ready
    assert ready.count('data-state="loaded"') == 2
    stage.collect(order["id"])
    over = stage.page(link, None).text
    assert 'data-order-state="collected"' in over
    assert "data-code" not in over
    assert short not in over.replace(" ", "")


def test_a_link_with_one_letter_changed_opens_nothing(stage: Stage) -> None:
    order = stage.paid(("tomates",))
    link = stage.link(order["id"])
    altered = link[:-1] + ("A" if link[-1] != "A" else "B")
    assert stage.page(altered, None).status_code == 404
    assert stage.api("GET", f"/live{altered}").status_code == 404


def test_a_refund_is_offered_only_while_blocked_and_ends_the_code(stage: Stage) -> None:
    order = stage.paid(("yaourts",))
    stage.load_all()
    link = stage.link(order["id"])
    assert stage.form(f"{link}/refund", None).status_code == 409
    stage.breach()
    done = stage.form(f"{link}/refund", None)
    assert done.status_code == 303
    assert 'data-order-state="refunding"' in stage.page(link, None).text
    stage.sync()
    stage.sync()
    assert 'data-order-state="refunded"' in stage.page(link, None).text


def test_a_door_is_opened_from_its_page_with_a_reason_and_the_result_shows(stage: Stage) -> None:
    assert stage.form("/manager/doors/wall-1/5/open", reason="").headers["location"].endswith("reason-needed")
    stage.poll()
    sent = stage.form("/manager/doors/wall-1/5/open", reason="Le client a oublié un sac")
    assert sent.headers["location"] == "/manager/doors/wall-1/5?note=sent"
    stage.sync()
    assert stage.device.coils == [5]
    page = stage.page("/manager/doors/wall-1/5").text
    assert 'data-op="open" data-state="done" data-result="done" data-outcome="opened"' in page
    assert "Le client a oublié un sac" in page
    assert stage.form("/manager/doors/wall-1/99/open", reason="x").status_code == 404


def test_an_absent_controller_is_sent_nothing_and_the_page_says_so(stage: Stage) -> None:
    stage.online("wall-1", "lost")
    sent = stage.form("/manager/doors/wall-1/5/open", reason="essai")
    assert sent.headers["location"].endswith("note=offline")
    assert "pas joignable" in stage.page(sent.headers["location"]).text


def test_forms_from_another_site_are_refused(stage: Stage) -> None:
    headers = {"Cookie": f"loquet={stage.cookie()}", "Sec-Fetch-Site": "cross-site"}
    answer = stage.api("POST", "/manager/doors/wall-1/5/open", headers=headers, data={"reason": "x"})
    assert answer.status_code == 403
    assert stage.device.coils == []


def test_a_doubtful_door_is_confirmed_empty_on_its_page(stage: Stage) -> None:
    order = stage.paid(("tomates",))
    stage.load_all()
    short, _ = stage.codes(order["id"])
    (grant,) = stage.device.opens(short)
    stage.device.after(grant, "doubtful", 2, stage.clock.now())
    stage.sync()
    path = f"/manager/doors/wall-1/{grant.door}"
    assert 'data-state="doubtful"' in stage.page(path).text
    assert stage.form(f"{path}/confirm", reason="regardé").headers["location"].endswith("note=confirmed")
    assert 'data-state="free" data-contents="empty"' in stage.page(path).text


def test_a_manager_refunds_an_order_from_the_list(stage: Stage) -> None:
    order = stage.paid(("tomates",))
    sent = stage.form(f"/manager/orders/{order['id']}/refund", reason="Client malade")
    assert sent.headers["location"].endswith("note=refunding")
    stage.sync()
    stage.sync()
    assert f'data-order="{order["id"]}" data-state="refunded"' in stage.page("/manager/orders").text


def test_a_controller_is_revoked_only_by_who_types_its_name_and_a_reason(stage: Stage) -> None:
    order = stage.paid(("tomates",))
    path = "/manager/controllers/wall-1/revoke"
    assert 'action="/manager/controllers/wall-1/revoke"' in stage.page("/manager/health").text
    slip = stage.form(path, reason="Volé", confirm="wall-2")
    assert slip.headers["location"].endswith("note=not-confirmed")
    assert stage.form(path, confirm="wall-1").headers["location"].endswith("note=reason-needed")
    assert 'data-device="wall-1" data-presence="online"' in stage.page("/manager/health").text
    assert stage.form(path, PRODUCER, reason="Volé", confirm="wall-1").status_code == 403
    done = stage.form(path, reason="Volé", confirm=" wall-1 ")
    assert done.headers["location"] == "/manager/health?note=revoked"
    page = stage.page("/manager/health?note=revoked").text
    assert 'data-device="wall-1" data-presence="revoked"' in page
    assert 'action="/manager/controllers/wall-1/revoke"' not in page
    assert stage.state(order["id"])["state"] in ("refunding", "refunded")
    again = stage.form(path, reason="Volé", confirm="wall-1")
    assert again.headers["location"].endswith("note=impossible")
    assert stage.form("/manager/controllers/none/revoke", reason="x", confirm="none").status_code == 404


def test_the_list_of_health_says_what_to_do_and_the_overview_how_much(stage: Stage) -> None:
    with stage.context.store.write() as session:
        gateway = session.scalars(select(Gateway).where(Gateway.site_id == "ferme")).one()
        gateway.heard_at = stage.clock.now() - timedelta(minutes=12)
        gateway.health = {
            "lanes": {"events": {"n": 3, "age": 130}, "live": "odd"},
            "free_mb": 812,
            "odd": [1],
        }
    page = stage.page("/manager/health").text
    line = page.split('data-check="gateway:ferme" data-state="bad"')[1].split("</li>")[0]
    assert "silencieuse depuis 12" in line
    assert "Vérifiez son courant" in line
    assert page.index('data-state="bad"') < page.index('data-state="ok"'), "the worst first"
    assert "3, le plus vieux il y a 2" in page
    assert "812 Mo" in page
    assert 'data-health="bad"' in stage.page("/manager").text
    assert "MB" in stage.page("/manager/health?lang=en").text


def test_a_choice_of_theme_leads_back_and_nowhere_else(stage: Stage) -> None:
    chosen = stage.form("/theme", None, theme="dark", back="/login?lang=en")
    assert chosen.status_code == 303
    assert chosen.headers["location"] == "/login?lang=en"
    assert "loquet_theme=dark" in chosen.headers["set-cookie"]
    dark = stage.api("GET", "/login", headers={"Cookie": "loquet_theme=dark"}).text
    assert '<link rel="stylesheet" href="/static/dark.css" media="screen">' in dark
    assert "dark.css" not in stage.api("GET", "/login", headers={"Cookie": "loquet_theme=light"}).text
    assert 'media="screen and (prefers-color-scheme: dark)"' in stage.api("GET", "/login").text
    for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nb", ""):
        answer = stage.form("/theme", None, theme="dark", back=elsewhere)
        assert answer.status_code == 422 or answer.headers["location"] == "/", elsewhere
    assert stage.form("/theme", None, theme="pink", back="/").status_code == 422


def test_a_line_tells_who_comes_back_what_they_missed(stage: Stage) -> None:
    stage.app.state.stopping = True  # the line ends after its first word
    headers = {"Cookie": f"loquet={stage.cookie()}"}
    first = stage.api("GET", "/live/manager", headers=headers).text
    assert "event: beat" in first
    mark = first.split("id: ")[1].split("\n")[0]
    assert f'data-mark="{mark}"' in stage.api("GET", "/manager", headers=headers).text
    assert stage.api("GET", "/live/manager?once=yes", headers=headers).text == mark
    same = stage.api("GET", "/live/manager", headers={**headers, "Last-Event-ID": mark}).text
    assert "event: beat" in same
    stage.jam(18)
    missed = stage.api("GET", "/live/manager", headers={**headers, "Last-Event-ID": mark}).text
    assert "event: change" in missed
    assert f"id: {mark}\n" not in missed


def test_a_login_link_is_shown_then_used_once(stage: Stage) -> None:
    sent = stage.form("/login", None, email="manager@example.org")
    assert 'data-login="sent"' in sent.text
    unknown = stage.form("/login", None, email="nobody@example.org")
    assert 'data-login="sent"' in unknown.text
    from server.people import logins

    with stage.context.store.write() as session:
        link = logins.make_link(session, stage.context, "manager@example.org").removeprefix(
            "http://server.test"
        )
    assert 'data-login="confirm"' in stage.api("GET", link).text
    assert 'data-login="confirm"' in stage.api("GET", link).text
    used = stage.form(link, None)
    assert used.status_code == 303
    cookie = used.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert stage.api("GET", link).status_code == 410
    assert stage.form(link, None).status_code == 410
    assert stage.page("/").headers["location"] == "/manager"


def test_logging_out_ends_the_session(stage: Stage) -> None:
    cookie = stage.cookie()
    headers = {"Cookie": f"loquet={cookie}", "Sec-Fetch-Site": "same-origin"}
    assert stage.api("POST", "/logout", headers=headers).status_code == 303
    assert stage.api("GET", "/manager", headers=headers).status_code == 401


@pytest.mark.fault("S18")
def test_the_chart_has_its_sentence_its_table_and_its_gap(full: tuple[Stage, dict[str, str]]) -> None:
    stage, _ = full
    page = stage.page("/manager/zones/wall-1/chilled").text
    assert page.count('class="chart ') == 2
    sentence = page.split("data-summary>")[1].split("<")[0]
    assert "minimum" in sentence
    assert "hors limites" in sentence
    assert 'data-gap="missing"' in page
    assert page.count("<polyline") >= 4  # the line stops at the gap, in both drawings


def test_what_people_wrote_is_never_markup(stage: Stage) -> None:
    with stage.context.store.write() as session:
        session.scalars(select(Zone).where(Zone.key == "frozen")).one().name = "<b>Froid</b>"
    assert "<b>Froid</b>" not in stage.page("/manager").text
    stage.poll()
    stage.form("/manager/doors/wall-1/5/open", reason="<script>alert(1)</script>")
    assert "<script>alert" not in stage.page("/manager/doors").text


def test_no_page_but_the_owners_shows_a_code(full: tuple[Stage, dict[str, str]]) -> None:
    stage, orders = full
    secrets = [*stage.codes(orders["ready"]), stage.personal("tilleuls"), stage.personal("pre-vert")]
    for path in MANAGER_PAGES:
        digits = stage.page(path).text.replace(" ", "")
        assert [code for code in secrets if code in digits] == [], path


@pytest.mark.parametrize(
    "path",
    [
        "/manager/doors/wall-1/99999999999999999999",
        "/manager/doors/wall-1/x",
        "/manager/doors/wall%00/1",
        "/manager/zones/wall-1/a%00b",
        "/manager/zones/wall-1/unheard",
        "/manager/orders?before=%00",
        "/o/%00/%00",
        "/login/%00",
        "/pay/test/%00",
    ],
)
def test_an_address_that_cannot_be_is_an_error_page(stage: Stage, path: str) -> None:
    answer = stage.page(path)
    assert answer.status_code in (404, 410, 422), answer.text
    assert "<h1>" in answer.text
