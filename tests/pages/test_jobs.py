"""The admin's page of jobs: what it shows, what can be pressed, and who may."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from tests.client import BOOSTED, HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts
from wholesale.accounts.models import User
from wholesale.kernel import clock
from wholesale.platform import jobs
from wholesale.platform.db import db
from wholesale.platform.jobs import JobRun
from wholesale.platform.outbox import OutboxRow

ClientOf = Callable[[User], HouseClient]
PAGE = "/admin/jobs"


@pytest.fixture
def admin(cast: Cast, client_of: ClientOf) -> HouseClient:
    return client_of(cast.esha)


def dead_letter(error: str | None = "Traceback …\n  in <b>handler</b>\nRuntimeError: no paper\n") -> int:
    row = OutboxRow(event="OrderPlaced", handler="wholesale.invoicing.handlers.issue_invoice", payload={"order_id": 17})
    row.attempts, row.error, row.dead_at = 8, error, clock.now()
    db.session.add(row)
    db.session.commit()
    return row.id


def ran(name: str, *, ago: timedelta, took: timedelta | None = timedelta(seconds=1.5), **outcome: str) -> None:
    started = clock.now() - ago
    finished = None if took is None else started + took
    db.session.add(JobRun(name=name, period=started, started_at=started, finished_at=finished, **outcome))
    db.session.commit()


def row_of(client: HouseClient, name: str) -> str:
    """The words of one job's line."""
    [row] = [element for element in client.page(PAGE).iter() if element.get("id") == f"job-{name}"]
    return " ".join("".join(row.itertext()).split())


@pytest.mark.parametrize(("headers", "whole"), [({}, "page"), (HTMX, "fragment"), (BOOSTED, "page")])
def test_page_and_fragment(admin: HouseClient, headers: dict[str, str], whole: str) -> None:
    response = admin.get(PAGE, headers=headers)
    assert response.status_code == 200
    assert ("<html" in response.text) is (whole == "page")
    [section] = [element for element in parse(response.text).iter() if element.get("id") == "pages-jobs"]
    assert (section.get("hx-get"), section.get("hx-trigger")) == (PAGE, "every 5s")
    words = text_of(response.text)
    for word in ("ledger-proof", "daily at 02:00", "every 10 min", "Nothing failed", "Refresh"):
        assert word in words


def test_every_job_of_the_timetable_stands_there(house: Flask, admin: HouseClient) -> None:
    text = admin.get(PAGE).text
    for name in house.extensions["timetable"]:
        assert f'id="job-{name}"' in text


def test_runs_that_went_well_failed_are_under_way_or_were_killed(admin: HouseClient) -> None:
    ran("housekeeping", ago=timedelta(hours=1), result="3 rows removed")
    ran("ledger-proof", ago=timedelta(hours=1), error="Traceback …\nAssertionError: journal 7 leaves 1 BDT")
    ran("inventory-proof", ago=timedelta(minutes=1), took=None)
    ran("stuck-invoices", ago=timedelta(hours=1), took=None)
    well = row_of(admin, "housekeeping")
    assert "1.5 s" in well
    assert "3 rows removed" in well
    assert "Overdue" not in well
    assert "AssertionError: journal 7 leaves 1 BDT" in row_of(admin, "ledger-proof")
    assert "Running" in row_of(admin, "inventory-proof")
    assert "Its worker ended before it was done." in row_of(admin, "stuck-invoices")
    assert "Overdue" in row_of(admin, "stuck-invoices")


def test_overdue_is_marked(admin: HouseClient) -> None:
    assert "Overdue" in row_of(admin, "stuck-invoices"), "it never ran"
    ran("stuck-invoices", ago=timedelta(minutes=21), result="0 late")
    assert "Overdue" in row_of(admin, "stuck-invoices")
    ran("stuck-invoices", ago=timedelta(minutes=12), result="0 late")
    assert "Overdue" not in row_of(admin, "stuck-invoices")


def test_outbox_in_figures(admin: HouseClient) -> None:
    row = OutboxRow(event="OrderPlaced", handler="x", payload={})
    row.available_at = clock.now() - timedelta(minutes=3)
    db.session.add(row)
    db.session.commit()
    dead_letter()
    words = text_of(admin.get(PAGE).text)
    assert "1 Waiting in the outbox" in words
    assert "3 min The oldest has waited" in words
    assert "1 Failed for good" in words


def test_dead_letter_with_all_that_is_known(admin: HouseClient) -> None:
    number = dead_letter()
    page = admin.page(PAGE)
    [row] = [element for element in page.iter() if element.get("id") == f"dead-{number}"]
    words = " ".join("".join(row.itertext()).split())
    for word in ("OrderPlaced", "order_id 17", "wholesale.invoicing.handlers.issue_invoice", "8", "Try again"):
        assert word in words
    [summary] = [element for element in row.iter() if str(element.tag).endswith("summary")]
    assert "".join(summary.itertext()).strip() == "RuntimeError: no paper"
    assert "in <b>handler</b>" in words, "the text of an error is text"


def test_dead_letter_without_an_error(admin: HouseClient) -> None:
    dead_letter(None)
    assert "No error was kept." in admin.get(PAGE).text


def test_try_again(admin: HouseClient) -> None:
    number = dead_letter()
    response = admin.post(f"{PAGE}/dead-letters/{number}/restart")
    assert response.status_code == 303
    page = text_of(admin.get(response.location).text)
    assert "It is tried again now." in page
    assert "1 Waiting in the outbox" in page
    row = db.session.get_one(OutboxRow, number)
    assert (row.dead_at, row.attempts) == (None, 0)
    again = admin.post(f"{PAGE}/dead-letters/{number}/restart", headers=HTMX, follow_redirects=True)
    assert again.status_code == 200
    assert "not among the failed any more" in again.text
    assert "<html" not in again.text


@pytest.mark.parametrize("number", ["0", "9223372036854775807"])
def test_try_again_what_is_not_there(admin: HouseClient, number: str) -> None:
    assert admin.post(f"{PAGE}/dead-letters/{number}/restart").status_code == 303


@pytest.mark.parametrize("number", ["9223372036854775808", "-1", "x"])
def test_no_number_of_a_row(admin: HouseClient, number: str) -> None:
    assert admin.post(f"{PAGE}/dead-letters/{number}/restart").status_code == 404


def test_run_now_rings_the_worker(admin: HouseClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(jobs, "ring", lambda *arguments: bool(asked.append(arguments)) or True)
    response = admin.post(f"{PAGE}/ledger-proof/runs")
    assert response.status_code == 303
    assert asked == [("wholesale.platform.jobs.periodic_job", "ledger-proof", True)]
    assert "The worker is asked to run ledger-proof now." in text_of(admin.get(response.location).text)
    assert admin.post(f"{PAGE}/sleepwalking/runs").status_code == 404


@pytest.fixture
def without_redis(house: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setitem(house.extensions, "doorbell", jobs.quick_redis(f"redis://127.0.0.1:{port}/0"))


def test_without_redis_the_page_says_so(without_redis: None, admin: HouseClient) -> None:
    assert "Redis does not answer. Nothing is lost" in admin.get(PAGE).text
    for headers in ({}, HTMX):
        response = admin.post(f"{PAGE}/ledger-proof/runs", headers=headers)
        assert response.status_code == 503
        assert "The job was not started" in response.text


ROUTES = [("get", PAGE), ("post", f"{PAGE}/ledger-proof/runs"), ("post", f"{PAGE}/dead-letters/1/restart")]


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_for_admins_only(cast: Cast, client: HouseClient, client_of: ClientOf, method: str, route: str) -> None:
    assert getattr(client, method)(route).status_code in {302, 303, 401}
    for person in (cast.amina, cast.dipu, cast.newcomer, accounts.user("Farid", staff_role="support")):
        assert getattr(client_of(person), method)(route).status_code == 403


def test_wrong_methods_and_no_token(admin: HouseClient) -> None:
    assert admin.get(f"{PAGE}/ledger-proof/runs").status_code == 405
    assert admin.post(PAGE).status_code == 405
    assert admin.post(f"{PAGE}/ledger-proof/runs", csrf=False).status_code != 303
