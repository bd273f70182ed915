"""No form sets what it does not show: each is sent with every column of every table as an extra field (ASVS 15.3.3)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from typing import Any

import pytest
import sqlalchemy as sa

from tests.conftest import Cast
from tests.house.forms_found import Forms, FoundForm, unhurried
from tests.house.world import World
from wholesale.kernel import clock
from wholesale.platform.db import Base, db

MARK = "ZZ-MASS-7731"
NUMBER = "7731001"
# What somebody would try who knows the code, where a word of no meaning would be refused anyway.
TEMPTING = {
    "role": "owner",
    "staff_role": "admin",
    "state": "approved",
    "kind": "seller",
    "verdict": "approved",
    "verified_until": "2099-12-31",
    "partner_since": "2020-01-01T00:00:00+00:00",
    "currency": "KES",
    "language": "bn",
}
# Forms whose plain version is done in this world, so that an extra field could have done more.
# What a form of a list says again of its filters, where the list is long enough to have that form.
SHOWN_OF_LONG_LISTS = {"order_history.request_export": {"who"}}
DONE = {
    "accounts.account", "accounts.change_email", "accounts.change_password", "accounts.phone", "cart.put",
    "cart.update", "checkout.add_address", "checkout.choose_address", "checkout.choose_payment", "checkout.place",
    "orders.move", "payments.record", "privacy.agree", "privacy.request_download", "privacy.request_erasure",
    "verification.decide", "verification.register", "verification.review", "verification.waive",
}  # fmt: skip

Rows = dict[str, Counter[str]]  # "table.column" → how often each value is there


@pytest.fixture
def world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    unhurried(monkeypatch)
    return world


def everything(tables: Collection[str] = tuple(Base.metadata.tables)) -> Rows:
    """Each column of these tables with its values."""
    if not tables:
        return {}
    union = " UNION ALL ".join(f"SELECT '{name}' AS name, to_jsonb(r) AS held FROM {name} r" for name in sorted(tables))
    rows: Rows = {}
    for name, held in db.session.execute(sa.text(union)):
        for column, value in held.items():
            rows.setdefault(f"{name}.{column}", Counter())[json.dumps(value)] += 1
    db.session.rollback()
    return rows


def extra_fields(cast: Cast) -> dict[str, str]:
    """Every column's name with a value of its kind that is not there yet, or belongs to somebody else."""
    fields: dict[str, str] = {}
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            kind = column.type
            if column.name in TEMPTING:
                value = TEMPTING[column.name]
            elif column.name in {"id", "organization_id", "buyer_id", "seller_id"}:
                value = str(cast.other_shop.id)
            elif column.name.endswith(("user_id", "_by")):
                value = str(cast.chandni.id)
            elif isinstance(kind, sa.Boolean):
                value = "true"
            elif isinstance(kind, sa.Integer | sa.Numeric):
                value = NUMBER
            elif isinstance(kind, sa.Date | sa.DateTime):
                value = "2099-12-31"
            else:
                value = MARK
            fields.setdefault(column.name, value)
    return fields


def written_to() -> dict[str, int]:
    """How often the transaction has written to each table, what was taken back included."""
    counted = "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables"
    return {name: writes for name, writes in db.session.execute(sa.text(counted)) if name in Base.metadata.tables}


def outcome(forms: Forms, form: FoundForm, extra: dict[str, str], before: Rows) -> tuple[int, Rows]:
    """What is answered, and what is there afterwards; only tables that were written to are read again."""
    with forms.world.undone():
        counted = written_to()
        status = forms.send(form, {**extra, **form.data()}).status_code
        tables = {name for name, writes in written_to().items() if writes != counted.get(name)}
        untouched = {column: held for column, held in before.items() if column.partition(".")[0] not in tables}
        return status, untouched | everything(tables)


def changed(plain: list[Rows], hostile: Rows) -> list[str]:
    """Columns that the hostile form left otherwise than the plain one; those that differ by themselves only count
    when they hold what was smuggled in."""
    wrong = []
    for column in sorted(set(hostile).union(*plain)):
        values = hostile.get(column, Counter())
        steady = plain[0].get(column) == plain[1].get(column)
        smuggled = [value for value in values if (MARK in value or NUMBER in value) and value not in plain[0][column]]
        if smuggled or (steady and plain[0].get(column) != values):
            wrong.append(f"{column}: {smuggled or list((values - plain[0].get(column, Counter())).elements())}")
    return wrong


def test_nothing_is_set_that_the_form_does_not_show(world: World, cast: Cast) -> None:
    extra = extra_fields(cast)
    assert len(extra) > 200
    db.session.commit()
    wrong: list[Any] = []
    done = set()
    forms = Forms(world)
    with clock.at(clock.now()):
        before = everything()
        for form in forms:
            first, second = (outcome(forms, form, {}, before) for _ in range(2))
            own = {each.name for same in forms if same.endpoint == form.endpoint for each in same.inputs}
            own |= SHOWN_OF_LONG_LISTS.get(form.endpoint, set())
            status, rows = outcome(
                forms, form, {name: value for name, value in extra.items() if name not in own}, before
            )
            differs = changed([first[1], second[1]], rows)
            if status != first[0] or differs:
                wrong.append((str(form), first[0], status, differs))
            if status == 303:
                done.add(form.endpoint)
    assert wrong == []
    assert DONE - done == set(), "these prove nothing here any more: their plain form is refused"


def test_this_test_would_see_it(world: World, cast: Cast) -> None:
    shop_id = cast.new_shop.id
    before = everything()
    with world.undone():
        counted = written_to()
        db.session.execute(sa.text("UPDATE organization SET verified_until = '2099-12-31' WHERE id = :id"),
                           {"id": shop_id})  # fmt: skip
        db.session.commit()
        assert [line.partition(":")[0] for line in changed([before, before], everything())] == [
            "organization.verified_until"
        ]
        assert {name for name, writes in written_to().items() if writes != counted.get(name)} == {"organization"}
    with world.undone():
        db.session.execute(sa.text(f"UPDATE organization SET name = '{MARK}' WHERE id = :id"), {"id": shop_id})
        db.session.commit()
        volatile = {**before, "organization.name": Counter()}
        assert [line.partition(":")[0] for line in changed([before, volatile], everything())] == ["organization.name"]
