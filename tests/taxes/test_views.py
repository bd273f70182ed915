"""The page of the rates: as page and fragment, by whom, and with nonsense."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import catalog, taxes
from tests.factories.prices import day
from wholesale.accounts.models import User
from wholesale.platform.db import db
from wholesale.taxes.models import TaxRate

Browser = Callable[[User], HouseClient]

RATE = {
    "country": "BD", "category_id": "", "name": "VAT", "kind": "standard", "percent": "১৫ %", "where": "on_top",
    "valid_from": day().isoformat(),
}  # fmt: skip


@pytest.fixture
def esha(cast: Cast, client_of: Browser) -> HouseClient:
    return client_of(cast.esha)


def rates() -> list[TaxRate]:
    return list(db.session.scalars(sa.select(TaxRate).order_by(TaxRate.id)))


def test_setting_ending_and_taking_back(esha: HouseClient, cast: Cast) -> None:
    bags = catalog.category().id
    db.session.commit()
    assert "No taxes yet" in text_of(esha.get("/admin/taxes").text)
    assert esha.post("/admin/taxes", data=RATE).status_code == 303
    later = RATE | {"category_id": str(bags), "where": "included", "percent": "7.5", "valid_from": day(5).isoformat()}
    assert esha.post("/admin/taxes", data=later).status_code == 303
    exempt = RATE | {"kind": "exempt", "percent": "", "reason": "Raw food", "country": "KE"}
    assert esha.post("/admin/taxes", data=exempt).status_code == 303
    text = text_of(esha.get("/admin/taxes").text)
    for words in (
        "Bangladesh: All goods",
        "15 % VAT",
        "Bangladesh: Bags",
        "7.5 % VAT",
        "VAT exempt",
        "Raw food",
        "Esha",
    ):
        assert words in text, words
    first, second, _third = rates()
    assert (first.percent, first.included, second.included, second.category_id) == (15, False, True, bags)
    answer = esha.post(f"/admin/taxes/{first.id}/end", data={f"rate-{first.id}-last_day": day(1).isoformat()})
    assert answer.status_code == 303
    assert esha.post(f"/admin/taxes/{second.id}/removal").status_code == 303
    assert "Called off" in text_of(esha.get("/admin/taxes").text)
    db.session.expire_all()
    assert rates()[0].valid_until == day(1)


def test_as_a_fragment(esha: HouseClient) -> None:
    taxes.rate()
    db.session.commit()
    answer = esha.get("/admin/taxes", headers=HTMX)
    assert answer.text.lstrip().startswith('<section id="taxes-rates"')
    assert "Uganda" in answer.text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"percent": "101"}, "from 0 to 100"),
        ({"percent": "-1"}, "from 0 to 100"),
        ({"percent": "NaN"}, "from 0 to 100"),
        ({"percent": "1e-9"}, "from 0 to 100"),
        ({"percent": "fifteen"}, "from 0 to 100"),
        ({"percent": ""}, "A tax of nothing"),
        ({"kind": "zero"}, "have no percentage"),
        ({"kind": "exempt", "percent": "0"}, "Say why these goods are exempt"),
        ({"kind": "other"}, "Please choose one"),
        ({"where": ""}, "Please choose one"),
        ({"name": ""}, "Please fill this in"),
        ({"name": "V" * 41}, "at most 40"),
        ({"country": "ZZ"}, "Not a valid choice"),
        ({"category_id": "99999999999999999999"}, "Not a valid choice"),
        ({"valid_from": day(-1).isoformat()}, "today or later"),
        ({"valid_from": "soon"}, "Enter a date"),
        ({"valid_from": ""}, "Please fill this in"),
    ],
)
def test_nonsense_is_refused_and_kept(esha: HouseClient, wrong: dict[str, str], said: str) -> None:
    answer = esha.post("/admin/taxes", data=RATE | {"reason": "", "name": "My tax"} | wrong)
    assert answer.status_code == 422
    assert said in text_of(answer.text)
    assert rates() == []
    if "name" not in wrong:
        assert 'value="My tax"' in answer.text
    if wrong.get("percent"):
        assert f'value="{wrong["percent"]}"' in answer.text


def test_a_second_beginning_on_one_day_is_refused(esha: HouseClient) -> None:
    esha.post("/admin/taxes", data=RATE)
    answer = esha.post("/admin/taxes", data=RATE | {"percent": "18"})
    assert answer.status_code == 422
    assert "Another rate begins on that day" in answer.text
    assert len(rates()) == 1


def test_ending_wrongly_and_what_is_over(esha: HouseClient) -> None:
    made = taxes.rate()
    db.session.commit()
    answer = esha.post(f"/admin/taxes/{made}/end", data={f"rate-{made}-last_day": day(-3).isoformat()})
    assert answer.status_code == 422
    assert f'value="{day(-3).isoformat()}"' in answer.text
    esha.post(f"/admin/taxes/{made}/removal")
    answer = esha.post(f"/admin/taxes/{made}/end", data={f"rate-{made}-last_day": day(3).isoformat()})
    assert answer.status_code == 409
    assert "over already" in answer.text
    assert esha.post(f"/admin/taxes/{10**12}/removal").status_code == 404


def test_others_see_nothing_of_it(cast: Cast, client_of: Browser, client: HouseClient) -> None:
    for person in (cast.amina, cast.dipu):
        assert client_of(person).get("/admin/taxes").status_code == 403
        assert client_of(person).post("/admin/taxes", data=RATE).status_code == 403
    assert client.get("/admin/taxes").status_code in {302, 303}
    assert rates() == []
