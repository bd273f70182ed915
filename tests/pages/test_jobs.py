"""The admin's page of jobs: what it shows, what can be pressed, and who may."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.client import BOOSTED, HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts
from wholesale.accounts.models import User
from wholesale.audit.models import AuditEntry
from wholesale.kernel import clock
from wholesale.platform import jobs, runs
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow
from wholesale.platform.pulse import ProcessBeat
from wholesale.platform.runs import JobRun, JobSeat

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


def ran(name: str, *, ago: timedelta, took: timedelta | None = timedelta(seconds=1.5), **outcome: Any) -> None:
    started = clock.now() - ago
    finished = None if took is None else started + took
    period = runs.timetable()[name].period(started, "Asia/Dhaka")
    db.session.add(JobRun(name=name, period=period, started_at=started, finished_at=finished, **outcome))
    db.session.commit()


def sits(name: str, *, done: int | None = None, whole: int | None = None) -> None:
    """Somebody is at the newest run of the job."""
    period = runs.last_runs()[name].period
    db.session.add(JobSeat(name=name, holder="x", period=period, alive_at=clock.now(), done=done, whole=whole))
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
    sits("inventory-proof")
    ran("stuck-invoices", ago=timedelta(hours=3), result="0 late")
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
    assert "Overdue" not in row_of(admin, "stuck-invoices"), "nobody has known it yet"
    db.session.add(JobSeat(name="stuck-invoices", known_since=clock.now() - timedelta(hours=1)))
    db.session.commit()
    assert "Overdue" in row_of(admin, "stuck-invoices"), "it never ran"
    ran("stuck-invoices", ago=timedelta(minutes=32), result="0 late")
    assert "Overdue" in row_of(admin, "stuck-invoices")
    ran("stuck-invoices", ago=timedelta(minutes=9), result="0 late")
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
    summary, _ = [element for element in row.iter() if str(element.tag).endswith("summary")]
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
    assert asked == [("wholesale.platform.jobs.periodic_job", "ledger-proof")]
    page = text_of(admin.get(response.location).text)
    assert "A worker is asked to run it now." in page
    assert "A worker is asked; it begins in a moment." in page
    assert "A worker is asked" in row_of(admin, "ledger-proof")
    assert runs.due_jobs().count("ledger-proof") == 1, "kept in the database, whatever Redis does"
    assert admin.post(f"{PAGE}/sleepwalking/runs").status_code == 404


def test_what_runs_is_not_started_twice(admin: HouseClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(jobs, "ring", lambda *arguments: bool(asked.append(arguments)) or True)
    ran("ledger-proof", ago=timedelta(minutes=1), took=None)
    sits("ledger-proof")
    response = admin.post(f"{PAGE}/ledger-proof/runs", follow_redirects=True)
    assert "It is running now. It never runs twice at once." in text_of(response.text)
    assert asked == []
    assert f'action="{PAGE}/ledger-proof/runs"' not in admin.get(f"{PAGE}/ledger-proof").text


def test_how_far_it_is(admin: HouseClient) -> None:
    ran("ledger-proof", ago=timedelta(minutes=1), took=None)
    sits("ledger-proof", done=30, whole=120)
    for path in (f"{PAGE}/ledger-proof", f"{PAGE}/ledger-proof/progress"):
        page = admin.get(path).text
        assert "25 %" in page
        assert "30 of 120" in text_of(page)
        assert 'value="25"' in page
    fragment = admin.get(f"{PAGE}/ledger-proof/progress", headers=HTMX)
    assert "<html" not in fragment.text
    assert 'hx-trigger="every 2s"' in fragment.text
    assert len(fragment.data) < 1500
    assert "25 %" in row_of(admin, "ledger-proof")
    seat = db.session.get_one(JobSeat, "ledger-proof")
    seat.holder = seat.period = seat.alive_at = None
    db.session.commit()
    over = admin.get(f"{PAGE}/ledger-proof/progress", headers=HTMX).text
    assert 'hx-trigger="load"' in over, "the page comes once more, with the result"
    assert "every 2s" not in over


def test_a_jobs_own_page(admin: HouseClient) -> None:
    for days in range(25):
        ran("ledger-proof", ago=timedelta(days=days), result=f"proof {days}")
    ran("report-healing", ago=timedelta(hours=1), error="Traceback …\nValueError: no days", attempts=3)
    page = admin.get(f"{PAGE}/ledger-proof")
    words = text_of(page.text)
    assert "daily at 02:00" in words
    assert "proof 0" in words
    assert "proof 20" not in words
    [older] = [element.get("href") for element in parse(page.text).iter() if element.get("rel") == "next"]
    following = text_of(admin.get(older).text)
    assert "proof 20" in following
    assert "proof 0" not in following.replace("proof 00", "")
    fragment = admin.get(f"{PAGE}/ledger-proof", headers=HTMX).text
    assert "<html" not in fragment
    failed = text_of(admin.get(f"{PAGE}/report-healing").text)
    for word in ("ValueError: no days", "try number 3", "Try again", "Fails again and again"):
        assert word in failed
    assert "No runs" in admin.get(f"{PAGE}/audit-proof").text
    assert admin.get(f"{PAGE}/sleepwalking").status_code == 404
    assert admin.get(f"{PAGE}/sleepwalking/progress").status_code == 404
    for odd in ("x", "-1", "9" * 40, ""):
        assert admin.get(f"{PAGE}/ledger-proof?before={odd}").status_code == 200


def test_the_page_says_that_nobody_is_there(admin: HouseClient) -> None:
    assert "The scheduler has not run yet" in admin.get(PAGE).text
    now = clock.now()
    db.session.add(ProcessBeat(process="scheduler", since=now - timedelta(hours=2), alive_at=now))
    db.session.commit()
    assert "The scheduler has not run yet" not in admin.get(PAGE).text
    with clock.at(now + timedelta(minutes=5)):
        assert "The scheduler does not run" in admin.get(PAGE).text
    ran("ledger-proof", ago=timedelta(days=3), result="well")
    page = text_of(admin.get(PAGE).text)
    assert "No worker takes what waits" in page
    assert "Overdue: ledger-proof" in page


def test_all_are_tried_again(admin: HouseClient) -> None:
    for _ in range(2):
        dead_letter()
    assert "Try all of them again" in admin.get(PAGE).text
    assert "All of them are tried again now." in admin.post(f"{PAGE}/dead-letters/restarts", follow_redirects=True).text
    assert db.session.query(OutboxRow).filter(OutboxRow.dead_at.is_not(None)).count() == 0
    again = admin.post(f"{PAGE}/dead-letters/restarts", follow_redirects=True)
    assert "Nothing is left among the failed." in again.text


def test_given_up_with_a_reason(admin: HouseClient) -> None:
    number = dead_letter()
    address = f"{PAGE}/dead-letters/{number}/discard"
    for headers in ({}, HTMX):
        refused = admin.post(address, data={"reason": " "}, headers=headers)
        assert refused.status_code == 422
        assert "Please fill this in." in refused.text
    long = admin.post(address, data={"reason": "x" * 300})
    assert long.status_code == 422
    assert "x" * 300 in long.text, "what was typed is still there"
    done = admin.post(address, data={"reason": "The order was a test."}, follow_redirects=True)
    assert "It is given up." in done.text
    assert f'id="dead-{number}"' not in done.text
    row = db.session.get_one(OutboxRow, number)
    assert row.done_at is not None
    assert (row.error or "").endswith("Discarded: The order was a test.")
    entry = db.session.query(AuditEntry).filter_by(action="message.discarded").one()
    assert (entry.thing_id, entry.reason) == (str(number), "The order was a test.")
    for again in (address, f"{PAGE}/dead-letters/{number}/restart"):
        gone = admin.post(again, data={"reason": "x"}, follow_redirects=True)
        assert "not among the failed any more" in gone.text


@pytest.fixture
def without_redis(house: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setitem(house.extensions, "doorbell", jobs.quick_redis(f"redis://127.0.0.1:{port}/0"))


def test_without_redis_the_page_says_so(without_redis: None, admin: HouseClient) -> None:
    assert "Redis does not answer. Nothing is lost" in admin.get(PAGE).text
    for headers in ({}, HTMX):
        response = admin.post(f"{PAGE}/ledger-proof/runs", headers=headers, follow_redirects=True)
        assert "Redis does not answer: it is run as soon as it is back." in text_of(response.text)
    assert "ledger-proof" in runs.due_jobs()


ROUTES = [
    ("get", PAGE),
    ("get", f"{PAGE}/ledger-proof"),
    ("get", f"{PAGE}/ledger-proof/progress"),
    ("post", f"{PAGE}/ledger-proof/runs"),
    ("post", f"{PAGE}/dead-letters/1/restart"),
    ("post", f"{PAGE}/dead-letters/1/discard"),
    ("post", f"{PAGE}/dead-letters/restarts"),
]


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_for_admins_only(cast: Cast, client: HouseClient, client_of: ClientOf, method: str, route: str) -> None:
    assert getattr(client, method)(route).status_code in {302, 303, 401}
    for person in (cast.amina, cast.dipu, cast.newcomer, accounts.user("Farid", staff_role="support")):
        assert getattr(client_of(person), method)(route).status_code == 403


def test_wrong_methods_and_no_token(admin: HouseClient) -> None:
    assert admin.get(f"{PAGE}/ledger-proof/runs").status_code == 405
    assert admin.post(PAGE).status_code == 405
    assert admin.post(f"{PAGE}/ledger-proof/runs", csrf=False).status_code != 303
