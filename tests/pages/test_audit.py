"""The audit log on screen: who sees what, the search, the export; a business's own part of it."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.client import BOOSTED, HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts
from tests.factories.audit import noted
from tests.queries_counted import queries_counted
from wholesale.accounts.models import User
from wholesale.audit import rules
from wholesale.audit.models import AuditEntry
from wholesale.kernel import clock
from wholesale.kernel.actor import ANONYMOUS, SYSTEM
from wholesale.organizations.models import Membership
from wholesale.platform.db import db

ClientOf = Callable[[User], HouseClient]
PAGE, OWN, CSV = "/admin/audit", "/business/audit", "/admin/audit.csv"


@pytest.fixture
def admin(cast: Cast, client_of: ClientOf) -> HouseClient:
    return client_of(cast.esha)


@pytest.fixture
def entries(cast: Cast) -> dict[str, int]:
    """Amina in her business, Chandni in hers, Esha for Amina's and for the platform, the product itself."""
    amina, chandni, esha = (accounts.actor(user) for user in (cast.amina, cast.chandni, cast.esha))
    for_amina = replace(
        esha, staff_role=None, on_behalf=True, organization_id=cast.shop.id, organization_name="Amina Store"
    )
    with clock.at(datetime(2026, 3, 1, 17, 59, tzinfo=UTC)):  # 23:59 in Dhaka
        first = noted(
            amina,
            cast.shop.id,
            action="membership.removed",
            thing="membership",
            thing_id="m-1",
            before={"role": "member", "spending_limit": "12.50"},
            after={"role": None},
            reason="Has left us",
        )
    with clock.at(datetime(2026, 3, 1, 18, 0, tzinfo=UTC)):  # the next day there
        second = noted(chandni, cast.other_shop.id, reason="Sale <b>now</b>")
    return {
        "amina": first,
        "chandni": second,
        "for amina": noted(for_amina, None, action="order.cancelled", thing="order", thing_id="PK-1"),
        "esha": noted(esha, None, action="job.started", thing="job", thing_id="ledger-proof"),
        "system": noted(SYSTEM, cast.shop.id, action="business.closed", thing="business", thing_id=cast.shop.id),
        "nobody": noted(ANONYMOUS, None, action="strange.thing", thing="user", thing_id=1),
    }  # fmt: skip


def named(page: ET.Element, name: str) -> list[ET.Element]:
    """The elements of that name."""
    return list(page.iterfind(f".//{{*}}{name}"))


def found(client: HouseClient, url: str) -> list[int]:
    """The ids of the entries on a page, from the top down."""
    page = client.page(url)
    return [int(row.get("id", "").removeprefix("entry-")) for row in named(page, "tr") if row.get("id")]


def row_of(client: HouseClient, url: str, entry_id: int) -> str:
    [row] = [row for row in named(client.page(url), "tr") if row.get("id") == f"entry-{entry_id}"]
    return " ".join("".join(row.itertext()).split())


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize("headers", [{}, HTMX, BOOSTED])
@pytest.mark.parametrize("url", [PAGE, OWN])
def test_page_and_fragment(cast: Cast, client_of: ClientOf, url, headers) -> None:
    client = client_of(cast.esha if url == PAGE else cast.amina)
    response = client.get(url, headers=headers)
    assert response.status_code == 200
    assert ("<html" in response.text) is (headers != HTMX)
    assert len([element for element in parse(response.text).iter() if element.get("id") == "pages-audit"]) == 1
    assert "cancelled an order" in text_of(response.text)


def test_newest_first_with_who_what_and_for_whom(admin: HouseClient, cast: Cast, entries) -> None:
    assert found(admin, PAGE) == sorted(entries.values(), reverse=True)
    row = row_of(admin, PAGE, entries["amina"])
    for words in ("1 Mar 2026, 23:59", "Amina", "membership m-1", "Has left us", "Amina Store"):
        assert words in row
    assert "Platform staff" not in row
    row = row_of(admin, PAGE, entries["for amina"])
    for words in ("Esha", "Platform staff", "for Amina Store", "cancelled an order", "order PK-1"):
        assert words in row
    assert "The platform itself" in row_of(admin, PAGE, entries["system"])
    assert "strange.thing" in row_of(admin, PAGE, entries["nobody"])
    assert "<b>now</b>" in row_of(admin, PAGE, entries["chandni"])


def test_before_and_after_are_read_value_by_value(admin: HouseClient, entries) -> None:
    row = row_of(admin, PAGE, entries["amina"])
    assert "Value Before After role member – spending limit 12.50 –" in row
    assert "{" not in row


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("person=amina", ["amina"]),
        ("person={email}", ["amina"]),
        ("person=esha", ["esha", "for amina"]),
        ("person=100%25", []),
        ("business=AMINA", ["system", "for amina", "amina"]),
        ("business=amina&person=esha", ["for amina"]),
        ("action=membership.removed", ["amina"]),
        ("thing=job", ["esha"]),
        ("thing=membership&thing_id=m-1", ["amina"]),
        ("thing=membership&thing_id=m-2", []),
        ("words=LEFT", ["amina"]),
        ("words=removed", ["amina"]),
        ("words=%25", []),
        ("until=2026-03-01", ["amina"]),
        ("since=2026-03-02&until=02/03/2026", ["chandni"]),
        ("since=2026-03-03&until=2026-03-03", []),
        ("until=9999-12-31&person=amina", ["amina"]),
    ],
)
def test_search(admin: HouseClient, cast: Cast, entries, query, names) -> None:
    url = f"{PAGE}?{query.format(email=cast.amina.email)}"
    assert found(admin, url) == [entries[name] for name in names]
    page = admin.get(url).text
    assert ("Nothing found" in page) is (not names)
    [details] = [
        each
        for each in named(parse(page), "details")
        if each.find("{*}form") is not None and each.get("open") is not None
    ]
    assert details.find("{*}summary").text.strip() == "Search the log"


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize("query", ["since=yesterday", "until=31/02/2026", "words=a%00b", f"person={'x' * 201}"])
def test_what_cannot_be_searched_is_said_beside_its_field(admin: HouseClient, entries, query, headers) -> None:
    response = admin.get(f"{PAGE}?{query}", headers=headers)
    assert response.status_code == 422
    assert response.text.count('class="error"') == 1
    if "%" not in query:
        assert query.partition("=")[2][:40] in response.text


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 30])
def test_a_strange_key_begins_at_the_newest(admin: HouseClient, entries, after) -> None:
    assert found(admin, f"{PAGE}?after={after}") == sorted(entries.values(), reverse=True)


def test_pages_follow_each_other_and_keep_the_search(admin: HouseClient, cast: Cast) -> None:
    ids = [noted(accounts.actor(cast.amina), cast.shop.id, thing_id=number) for number in range(30)]
    noted(SYSTEM, None, action="job.started")
    page = admin.page(f"{PAGE}?person=amina")
    [more] = [link.get("href") for link in named(page, "a") if link.get("rel") == "next"]
    assert found(admin, f"{PAGE}?person=amina") == ids[:4:-1]
    assert found(admin, more) == ids[4::-1]
    assert not [link for link in named(admin.page(more), "a") if link.get("rel") == "next"]


def test_an_empty_log_says_what_will_be_there(admin: HouseClient, client_of: ClientOf, cast: Cast) -> None:
    db.session.commit()
    assert "Nothing found" in admin.get(f"{PAGE}?since=2099-01-01").text
    assert "Nothing noted yet" in client_of(cast.newcomer).get(OWN).text


def test_a_page_asks_for_names_once(admin: HouseClient, cast: Cast) -> None:
    for number in range(25):
        noted(
            accounts.actor([cast.amina, cast.chandni, cast.esha][number % 3]),
            [cast.shop, cast.other_shop][number % 2].id,
        )
    admin.get(PAGE)
    with queries_counted() as asked:
        admin.get(PAGE)
    assert len([text for text in asked if text.startswith("SELECT")]) <= 5, asked


def test_one_entry_on_its_own_page(admin: HouseClient, cast: Cast, entries) -> None:
    words = text_of(admin.get(f"{PAGE}/{entries['amina']}").text)
    for expected in ("Amina", "membership m-1", "Has left us", f"of chain {cast.shop.id:,}", "member", "12.50"):
        assert expected in words
    assert admin.get(f"{PAGE}/{max(entries.values()) + 1}").status_code == 404


def test_an_erased_account_leaves_the_entry_readable(admin: HouseClient) -> None:
    entry_id = noted(replace(SYSTEM, user_id=999_999), None)
    assert "#999999" in row_of(admin, PAGE, entry_id)


@pytest.mark.parametrize(("who", "status"), [("esha", 200), ("amina", 403), ("dipu", 403)])
def test_the_whole_log_is_for_staff(cast: Cast, client_of: ClientOf, entries, who, status) -> None:
    client = client_of(getattr(cast, who))
    assert client.get(PAGE).status_code == status
    assert client.get(f"{PAGE}/{entries['amina']}").status_code == status


# --- a business's own ------------------------------------------------------------------------------------


def test_a_business_sees_its_own_and_what_was_done_for_it(cast: Cast, client_of: ClientOf, entries) -> None:
    amina = client_of(cast.amina)
    assert found(amina, OWN) == [entries["system"], entries["for amina"], entries["amina"]]
    row = row_of(amina, OWN, entries["for amina"])
    for words in ("Esha", "Platform staff", "for Amina Store"):
        assert words in row
    assert found(client_of(cast.chandni), OWN) == [entries["chandni"]]
    assert found(client_of(cast.dipu), OWN) == []


@pytest.mark.parametrize("query", ["business=chandni", "person=chandni", "thing=job", "organizations=2", "after=99999"])
def test_no_search_leads_out_of_the_business(cast: Cast, client_of: ClientOf, entries, query) -> None:
    assert entries["chandni"] not in found(client_of(cast.amina), f"{OWN}?{query}")


def test_a_business_searches_by_action_day_and_words(cast: Cast, client_of: ClientOf, entries) -> None:
    amina = client_of(cast.amina)
    assert found(amina, f"{OWN}?action=order.cancelled") == [entries["for amina"]]
    assert found(amina, f"{OWN}?until=2026-03-01") == [entries["amina"]]
    assert found(amina, f"{OWN}?words=left") == [entries["amina"]]
    assert amina.get(f"{OWN}?since=never").status_code == 422


def test_a_business_is_not_told_from_where_staff_acts(house, cast: Cast, client_of: ClientOf) -> None:
    with house.test_request_context(environ_base={"REMOTE_ADDR": "203.0.113.9"}):
        noted(accounts.actor(cast.esha), cast.shop.id)
    with house.test_request_context(environ_base={"REMOTE_ADDR": "198.51.100.4"}):
        noted(accounts.actor(cast.amina), cast.shop.id)
    page = client_of(cast.amina).get(OWN).text
    assert "203.0.113.9" not in page
    assert "198.51.100.4" in page
    assert "203.0.113.9" in client_of(cast.esha).get(PAGE).text


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("member", 403), ("viewer", 403)])
def test_only_owner_and_admins_of_a_business(cast: Cast, client_of: ClientOf, role, status) -> None:
    db.session.get_one(Membership, (cast.shop.id, cast.babul.id)).role = role
    db.session.commit()
    assert client_of(cast.babul).get(OWN).status_code == status


# --- the export ------------------------------------------------------------------------------------------


def exported(client: HouseClient, query: str = "") -> list[list[str]]:
    response = client.post(f"{CSV}?{query}")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == "attachment; filename=audit.csv"
    assert response.text[0] == "\N{ZERO WIDTH NO-BREAK SPACE}"
    return list(csv.reader(io.StringIO(response.text[1:])))


def test_the_export_holds_what_is_looked_for(admin: HouseClient, entries) -> None:
    head, *rows = exported(admin, "business=amina")
    assert head[:3] == ["id", "at (UTC)", "who"]
    assert [int(row[0]) for row in rows] == [entries[name] for name in ("system", "for amina", "amina")]
    assert rows[2] == [str(entries["amina"]), "2026-03-01 17:59:00", "Amina", "", "", "Amina Store",
                       "membership.removed", "membership", "m-1",
                       "role: member → ; spending limit: 12.50 → ", "Has left us", ""]  # fmt: skip
    assert rows[1][2:6] == ["Esha", "yes", "Amina Store", "Amina Store"]


def test_the_export_is_itself_noted_without_names(admin: HouseClient, cast: Cast, entries) -> None:
    exported(admin, "person=amina&action=membership.removed")
    newest = db.session.query(AuditEntry).order_by(AuditEntry.id.desc()).first()
    assert newest is not None
    assert (newest.action, newest.actor_id, newest.staff) == ("audit.exported", cast.esha.id, True)
    assert newest.after == {"entries": 1, "person": rules.masked("amina"), "action": "membership.removed"}


@pytest.mark.parametrize("reason", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0"])
def test_no_cell_is_a_formula(admin: HouseClient, reason) -> None:
    noted(SYSTEM, None, reason=reason, thing=reason, thing_id=f"\t{reason}")
    [row] = exported(admin)[1:]
    assert (row[10], row[7], row[8]) == (f"'{reason}", f"'{reason}", f"'\t{reason}")
    assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_what_does_not_fit_is_said(admin: HouseClient, entries, monkeypatch) -> None:
    monkeypatch.setattr("wholesale.pages.queries.MOST_EXPORTED", 2)
    _, first, second, note = exported(admin)
    assert [int(first[0]), int(second[0])] == sorted(entries.values())[:-3:-1]
    assert note == ["Only the newest 2 entries are here: narrow the search for others."]


def test_a_refused_export_is_the_page_and_is_not_noted(admin: HouseClient, entries) -> None:
    before = db.session.query(AuditEntry).count()
    assert admin.post(f"{CSV}?since=never").status_code == 422
    assert db.session.query(AuditEntry).count() == before


def test_support_reads_but_does_not_export(cast: Cast, client_of: ClientOf, entries) -> None:
    cast.esha.staff_role = "support"
    db.session.commit()
    support = client_of(cast.esha)
    page = support.get(PAGE)
    assert page.status_code == 200
    assert CSV not in page.text
    assert support.post(CSV).status_code == 403
