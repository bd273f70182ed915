"""The letters of Monday: to whom, with what, and once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts, organizations, reports
from wholesale.kernel import clock
from wholesale.platform import files, jobs, outbox
from wholesale.platform.db import db
from wholesale.platform.messages.letters import compose
from wholesale.platform.messages.queue import OutgoingMessage
from wholesale.platform.messages.transports import Outgoing
from wholesale.reports import actions
from wholesale.reports.events import WeekEnded

MONDAY = datetime.fromisoformat("2026-10-19T08:00+06:00")


@pytest.fixture
def monday(house: Flask, cast: Cast) -> Iterator[None]:
    """Dipu sold in the week before, another seller did not; it is Monday at eight."""
    organizations.business("Idle Traders", kind="seller", members={accounts.user("Ila"): "owner"})
    organizations.join(cast.trader, {accounts.user("Dolly"): "member"})
    reports.sold(cast.amina, {reports.product(cast.trader): 100}, "2026-10-14T12:00+06:00")
    db.session.commit()
    with clock.at(MONDAY):
        yield


def letters() -> dict[str, OutgoingMessage]:
    found = db.session.scalars(sa.select(OutgoingMessage).where(OutgoingMessage.template == "weekly_report"))
    return {message.recipient: message for message in found}


def test_owner_and_admin_get_theirs_once(monday: None, cast: Cast) -> None:
    assert actions.begin_weekly() == "2026-W42: 1 sellers and the platform"
    db.session.commit()
    outbox.drain()
    sent = letters()
    assert set(sent) == {"dipu@test.example", "esha@test.example"}
    actions.begin_weekly()
    db.session.commit()
    outbox.drain()
    assert {to: message.id for to, message in letters().items()} == {to: message.id for to, message in sent.items()}
    dipus = sent["dipu@test.example"]
    assert dipus.attachment_name == "week-2026-W42-BDT.pdf"
    assert dipus.attachment_key is not None
    assert files.storage().get(dipus.attachment_key).startswith(b"%PDF-")
    assert dipus.attachment_key != sent["esha@test.example"].attachment_key
    assert "12 Oct 2026" in dipus.subject


def test_nobody_is_written_to_when_nothing_was_sold(monday: None) -> None:
    with clock.at(datetime.fromisoformat("2026-11-16T08:00+06:00")):
        assert actions.begin_weekly() == "nothing was sold"
    assert db.session.scalar(sa.select(sa.func.count()).where(outbox.OutboxRow.event == WeekEnded.__name__)) == 0


def test_each_reads_their_own_language(monday: None, cast: Cast) -> None:
    cast.dipu.language = "bn"
    reports.counted()
    assert actions.send_weekly(monday=date(2026, 10, 12), seller_id=cast.trader.id) == 1
    assert letters()["dipu@test.example"].language == "bn"
    assert actions.send_weekly(monday=date(2026, 10, 12), seller_id=cast.trader.id) == 0


def test_the_letter_carries_the_file(app: Flask) -> None:
    settings = app.extensions["settings"]
    message = Outgoing(
        id=1, channel="mail", to="dipu@shop.example", subject="Week", body="Hello", language="bn", reference="1.a",
        tried_at=datetime.now(UTC), attachment=("week-2026-W42-BDT.pdf", b"%PDF-1.7 \x00\xff"),
    )  # fmt: skip
    with app.app_context():
        _sender, _receiver, letter = compose(settings, message)
    assert isinstance(letter, EmailMessage)
    [attached] = list(letter.iter_attachments())
    assert attached.get_content_type() == "application/pdf"
    assert attached.get_filename() == "week-2026-W42-BDT.pdf"
    assert attached.get_content() == b"%PDF-1.7 \x00\xff"
    body = letter.get_body(("plain",))
    assert body is not None
    assert body.get_content().strip() == "Hello"


def test_it_is_on_the_timetable_on_mondays_at_eight(app: Flask) -> None:
    job = {each.name: each for each in app.extensions["timetable"].values()}["weekly-reports"]
    assert isinstance(job, jobs.Periodic)
    assert (job.weekday, job.daily_at) == (0, time(8, 0))
    assert job.period(MONDAY, "Asia/Dhaka") == MONDAY
    assert job.next_period(MONDAY, "Asia/Dhaka") == datetime.fromisoformat("2026-10-26T08:00+06:00")
