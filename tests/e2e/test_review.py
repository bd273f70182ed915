"""A reviewer without a mouse, in a real browser: a key, Enter, the next case."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Shop
from tests.e2e.test_order import no_sideways_scrolling
from tests.factories import accounts, organizations, verification
from wholesale.kernel import clock
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction
from wholesale.verification.models import VerificationCase

pytestmark = pytest.mark.e2e
Open = Callable[..., Page]
CASES = 5


def send_cases(shop: Shop, batch: str) -> list[int]:
    with shop.app.app_context(), transaction():
        made = []
        for number in range(CASES):
            owner = accounts.user(f"Owner{batch}{number}")
            organizations.business(f"Shop {batch}{number}", verified=False, members={owner: "owner"})
            with clock.at(clock.now() - timedelta(hours=CASES - number)):
                made.append(verification.submitted(owner, licence_no=f"TL/{batch}/2026/{number}").id)
        return made


@pytest.mark.parametrize(("javascript", "batch"), [(True, "J"), (False, "P")])
def test_cases_in_a_row_by_the_keyboard_alone(shop: Shop, open_as: Open, *, javascript: bool, batch: str) -> None:
    cases = send_cases(shop, batch)
    page = open_as("esha", javascript=javascript)
    page.goto(f"/admin/verify/{cases[0]}")
    no_sideways_scrolling(page)
    for number in range(CASES):
        heading = page.get_by_role("heading", level=1, name=f"Shop {batch}{number}")
        expect(heading).to_be_focused()
        expect(page).to_have_url(f"{shop.url}/admin/verify/{cases[number]}")
        radio = page.get_by_role("radio").first
        for _tab in range(20):
            page.keyboard.press("Tab")
            if radio.evaluate("each => each === document.activeElement"):
                break
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
    expect(page.get_by_text("Nobody is waiting")).to_be_visible()
    with shop.app.app_context(), transaction():
        found = sa.select(VerificationCase.state).where(VerificationCase.id.in_(cases))
        assert set(db.session.scalars(found)) == {"approved"}
