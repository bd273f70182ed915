"""Several people at the same moment, with real commits."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import accounts, organizations
from tests.factories import verification as papers
from wholesale.accounts.models import User
from wholesale.kernel import clock
from wholesale.kernel.errors import ConflictError, DomainError, UnavailableError
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.platform.messages.queue import OutgoingMessage
from wholesale.platform.transaction import run, transaction
from wholesale.verification import actions, jobs
from wholesale.verification.models import VerificationCase, VerificationMove

pytestmark = pytest.mark.torture


def at_once(app: Flask, works: list[Callable[[], Any]]) -> list[str]:
    """What became of each: "done" or the name of the refusal."""
    start = Barrier(len(works))

    def one(work: Callable[[], Any]) -> str:
        with app.app_context():
            start.wait()
            try:
                with transaction():
                    run(work)
            except (ConflictError, DomainError, UnavailableError) as error:
                return type(error).__name__
            return "done"

    with ThreadPoolExecutor(len(works)) as pool:
        return sorted(pool.map(one, works))


def count(table: Any) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def test_many_admins_decide_and_one_decision_counts(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        owner = accounts.user("Farida")
        organizations.business("Farida Store", verified=False, members={owner: "owner"})
        case_id = papers.submitted(owner).id
        admins = [accounts.actor(accounts.user(f"Admin{number}", staff_role="admin")) for number in range(6)]
    verdicts = ("approved", "rejected", "more_information") * 2
    ends = at_once(
        committed_app,
        [
            lambda admin=admin, verdict=verdict: actions.decide(
                actor=admin, case_id=case_id, verdict=verdict, reason="Seen.", licence_expires_on=papers.in_a_year()
            )
            for admin, verdict in zip(admins, verdicts, strict=True)
        ],
    )
    assert ends == ["ConflictError"] * 5 + ["done"]
    with committed_app.app_context():
        case = db.session.get_one(VerificationCase, case_id)
        business = db.session.scalars(sa.select(Organization)).one()
        assert (business.verified_until is not None) is (case.state == "approved")
        assert count(VerificationMove) == 2


def test_one_address_registered_many_times_is_one_account(committed_app: Flask) -> None:
    def register() -> None:
        actions.register_business(
            kind="buyer",
            business_name="Farida Store",
            legal_name="",
            contact_name="Farida",
            email="farida@test.example",
            phone="+8801712345678",
            password=accounts.PASSWORD,
            trade_licence_no="TL/2026/1",
            tax_no="123456789012",
            licence_expires_on=papers.in_a_year(),
            documents={"trade_licence": papers.file()},
        )

    ends = at_once(committed_app, [register] * 6)
    assert ends.count("done") == 1
    assert set(ends) <= {"done", "DomainError", "BusyError"}  # only so many passwords are worked on at once
    with committed_app.app_context():
        assert (count(User), count(Organization), count(VerificationCase)) == (1, 1, 1)


def test_papers_sent_many_times_are_one_case(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        owner = accounts.user("Farida")
        organizations.business("Farida Store", verified=False, members={owner: "owner"})
        actor = accounts.actor(owner)

    def send() -> None:
        actions.submit_case(
            actor=actor,
            trade_licence_no="TL/2026/1",
            tax_no="123456789012",
            licence_expires_on=papers.in_a_year(),
            documents={"trade_licence": papers.file()},
        )

    assert at_once(committed_app, [send] * 6) == ["ConflictError"] * 5 + ["done"]
    with committed_app.app_context():
        assert count(VerificationCase) == 1


def test_admins_who_take_at_once_are_told(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        owner = accounts.user("Farida")
        organizations.business("Farida Store", verified=False, members={owner: "owner"})
        case_id = papers.submitted(owner).id
        admins = [accounts.actor(accounts.user(f"Admin{number}", staff_role="admin")) for number in range(6)]
    ends = at_once(committed_app, [lambda admin=admin: actions.take(actor=admin, case_id=case_id) for admin in admins])
    assert ends == ["ConflictError"] * 5 + ["done"]
    with committed_app.app_context():
        assert count(VerificationMove) == 2


def test_a_draft_saved_by_colleagues_at_once_is_one(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        owner = accounts.user("Farida")
        organizations.business("Farida Store", verified=False, members={owner: "owner"})
        actor = accounts.actor(owner)
    ends = at_once(
        committed_app, [lambda n=n: actions.save_draft(actor=actor, trade_licence_no=f"TL/2026/{n}") for n in range(6)]
    )
    assert ends == ["done"] * 6
    with committed_app.app_context():
        assert count(VerificationCase) == 1
        assert count(VerificationMove) == 1


def test_the_form_pressed_many_times_is_one_account_for_all(committed_app: Flask) -> None:
    ids: list[int] = []

    def register() -> None:
        ids.append(
            actions.register_once(
                key="k" * 32,
                kind="buyer",
                business_name="Farida Store",
                legal_name="",
                contact_name="Farida",
                email="farida@test.example",
                phone="+8801712345678",
                password=accounts.PASSWORD,
                trade_licence_no="TL/2026/1",
                tax_no="123456789012",
                licence_expires_on=papers.in_a_year(),
                documents={"trade_licence": papers.file()},
            )
        )

    ends = at_once(committed_app, [register] * 4)
    assert "done" in ends
    assert set(ends) <= {"done", "BusyError"}
    assert len(set(ids)) == 1
    with committed_app.app_context():
        assert (count(User), count(Organization), count(VerificationCase)) == (1, 1, 1)


def test_the_daily_job_run_many_times_at_once_writes_once(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        admin = accounts.actor(accounts.user("Esha", staff_role="admin"))
        for number, days in ((1, 1), (2, 20)):
            owner = accounts.user(f"Owner{number}")
            organizations.business(f"Shop {number}", verified=False, members={owner: "owner"})
            case = papers.submitted(owner, licence_no=f"TL/2026/{number:02}")
            until = clock.today("Asia/Dhaka") + timedelta(days=days)
            actions.decide(actor=admin, case_id=case.id, verdict="approved", licence_expires_on=until)
    then = clock.now() + timedelta(days=2)

    def daily() -> None:
        with clock.at(then):
            jobs.watch_expiry()

    assert at_once(committed_app, [daily] * 5) == ["done"] * 5
    with committed_app.app_context():
        states = db.session.scalars(sa.select(VerificationCase.state).order_by(VerificationCase.id)).all()
        assert states == ["expired", "approved"]
        letters = db.session.scalars(sa.select(OutgoingMessage.template)).all()
        assert letters.count("licence_expired") == 1
        assert letters.count("licence_reminder") == 1
