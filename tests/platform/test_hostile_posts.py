"""What another site posts is never kept as somebody's draft."""

from __future__ import annotations

import pytest

from tests.client import HouseClient
from tests.conftest import Cast
from tests.factories import accounts
from wholesale.platform.db import db

FORM = {"amount": "13500", "reference": "EVIL-1"}
PATH = "/admin/payments/PUR-2026-000001/receipts"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://["},
    ],
)
def test_a_strangers_form_is_not_offered_again(client: HouseClient, cast: Cast, headers: dict[str, str]) -> None:
    signed_out = client.post(PATH, data=FORM, headers=headers)
    assert signed_out.status_code == 401
    assert "EVIL" not in signed_out.text
    client.login(accounts.sign_in(cast.esha))
    db.session.commit()
    stale = client.post(PATH, data=FORM, headers=headers, csrf=False)
    assert stale.status_code == 400
    assert "EVIL" not in stale.text


def test_our_own_form_is(client: HouseClient, cast: Cast) -> None:
    client.login(accounts.sign_in(cast.esha))
    db.session.commit()
    assert "EVIL" in client.post(PATH, data=FORM, csrf=False).text


def test_an_odd_referrer_is_no_reason_to_fail(client: HouseClient) -> None:
    assert client.post("/cart/prices", headers={"Referer": "http://[", "Origin": ""}).status_code == 401
