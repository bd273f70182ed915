"""Counts on the real database: blind, noted by many, posted once as differences."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from time import sleep

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.datastructures import FileStorage

from tests.conftest import Cast
from tests.factories import accounts, batches, catalog, counts, organizations
from wholesale.catalog.models import Product
from wholesale.inventory import actions as inventory
from wholesale.inventory import queries as stock
from wholesale.inventory.counts import actions, queries, rules, sheets
from wholesale.inventory.counts.errors import CountedByOthersError
from wholesale.inventory.counts.models import StockCount, StockCountEntry, StockCountLine
from wholesale.inventory.models import InventoryLog, Stock
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.errors import ConflictError, DomainError, NotFoundError
from wholesale.platform import files, idempotency, outbox
from wholesale.platform.db import db
from wholesale.platform.sheets import Sheet, csv_lines, write_workbook
from wholesale.platform.transaction import run, transaction


@pytest.fixture
def dipu(cast: Cast) -> Actor:
    return accounts.actor(cast.dipu)


@pytest.fixture
def tea(cast: Cast) -> Product:
    return catalog.product(cast.trader, "Tea", stock=20)


@pytest.fixture
def bag(cast: Cast) -> Product:
    return catalog.product(cast.trader, "Bag", stock=100)


@pytest.fixture(autouse=True)
def proven(house: Flask) -> Iterator[None]:
    yield
    assert stock.proof() == []


def variant_of(product: Product) -> int:
    return catalog.variants_of(product)[0]


def on_hand(product: Product) -> int:
    return db.session.scalars(sa.select(Stock.on_hand).where(Stock.variant_id == variant_of(product))).one()


def adjustments() -> list[tuple[int, int, str, str, str]]:
    rows = db.session.scalars(
        sa.select(InventoryLog).where(InventoryLog.kind == "ADJUSTMENT").order_by(InventoryLog.id)
    )
    return [(row.variant_id, row.quantity, row.reference, row.reason, row.note) for row in rows]


def upload(text: str, name: str = "count.csv") -> FileStorage:
    return FileStorage(io.BytesIO(text.encode()), filename=name)


# --- beginning --------------------------------------------------------------------------------------------


def test_numbers_run_without_gaps_per_seller_and_year(cast: Cast, dipu: Actor, tea: Product) -> None:
    first = counts.begun(tea, actor=dipu)
    number = queries.count(dipu, first).number
    assert number.endswith("-001")
    db.session.commit()
    with pytest.raises(DomainError, match=f"{number} counts some"):
        counts.begun(tea, actor=dipu)
    db.session.rollback()  # what is refused gives its number back
    actions.cancel(actor=dipu, count_id=first)
    assert queries.count(dipu, counts.begun(tea, actor=dipu)).number == number.replace("-001", "-002")
    other = organizations.business("Farid Traders", kind="seller")
    goods = catalog.product(other, "Salt", stock=3)
    assert queries.count(SYSTEM, counts.begun(goods)).number == number


def test_the_same_form_begins_one_count(dipu: Actor, tea: Product) -> None:
    form = {"actor": dipu, "location_id": catalog.location_of(tea.seller_id).id, "scope": "all", "key": "k" * 32}
    assert actions.begin(**form) == actions.begin(**form)
    assert len(queries.page(dipu).counts) == 1
    for other in ({"note": "evening"}, {"scope": "chosen", "skus": ["TEA"]}):
        with pytest.raises(DomainError, match="other contents"):
            actions.begin(**form | other)
    assert len(queries.page(dipu).counts) == 1


def test_what_is_on_the_sheet(cast: Cast, dipu: Actor, tea: Product, bag: Product) -> None:
    catalog.product(cast.trader, "Never here", stock=0)
    gone = catalog.product(cast.trader, "Gone", stock=0)
    still = catalog.product(cast.trader, "Still here", stock=3)
    catalog.receive(gone, 1)
    place = catalog.location_of(cast.trader.id).id
    inventory.set_on_hand(actor=SYSTEM, location_id=place, counts={variant_of(gone): 0}, reference="X")
    gone.state = still.state = "archived"
    db.session.flush()
    sheet = queries.sheet_lines(counts.begun(tea, actor=dipu))
    assert [(line.position, line.name) for line in sheet] == [(1, "Bag"), (2, "Still here"), (3, "Tea")]


def test_chosen_skus_and_a_category(dipu: Actor, tea: Product, bag: Product) -> None:
    place, key = catalog.location_of(tea.seller_id).id, idempotency.new_key
    begin = {"actor": dipu, "location_id": place}
    chosen = actions.begin(**begin, scope="chosen", skus=[" tea ", "", "TEA"], key=key())
    assert [line.sku for line in queries.sheet_lines(chosen)] == ["TEA"]
    db.session.commit()
    for skus, match in ((["NOBODY", "tea"], "NOBODY"), ([], "one a line")):
        with pytest.raises(DomainError, match=match):
            actions.begin(**begin, scope="chosen", skus=skus, key=key())
        db.session.rollback()
    actions.cancel(actor=dipu, count_id=chosen)
    all_bags = actions.begin(**begin, scope="category", category_id=bag.category_id, key=key())
    assert {line.sku for line in queries.sheet_lines(all_bags)} == {"TEA", "BAG"}
    empty = catalog.category("empty", "Empty")
    db.session.commit()
    with pytest.raises(DomainError, match="nothing to count"):
        actions.begin(**begin, scope="category", category_id=empty.id, key=key())
    db.session.rollback()


# --- counting ---------------------------------------------------------------------------------------------


def test_a_difference_is_posted_with_its_reason(dipu: Actor, tea: Product, bag: Product) -> None:
    count = counts.begun(tea, actor=dipu)
    counts.counted(count, {variant_of(tea): 18}, actor=dipu)
    found = queries.count(dipu, count)
    result = queries.result(found)
    assert (result.differing, result.same, result.uncounted) == (1, 0, 1)
    assert (str(result.missing.amount), str(result.surplus.amount), str(result.net.amount)) == (
        "160.00",
        "0",
        "-160.00",
    )
    actions.explain(actor=dipu, count_id=count, reasons={variant_of(tea): ("damaged", " wet ")})
    assert actions.post(actor=dipu, count_id=count).lines == 1
    assert adjustments() == [(variant_of(tea), -2, found.number, "damaged", "wet")]
    assert (on_hand(tea), on_hand(bag)) == (18, 100)  # who was not counted is left alone
    assert actions.post(actor=dipu, count_id=count).again
    assert len(adjustments()) == 1
    assert queries.count(dipu, count).state == "posted"


def test_what_moves_after_the_counting_is_no_difference(dipu: Actor, tea: Product) -> None:
    """20 there, 19 counted; then 5 arrive and 8 leave: one is missing, 16 stay."""
    variant, count = variant_of(tea), counts.begun(tea, actor=dipu)
    actions.note_counts(actor=dipu, count_id=count, counts={variant: 19})
    catalog.receive(tea, 5)
    inventory.allocate(actor=SYSTEM, reference="WX-1", wanted={variant: 8})
    inventory.ship(actor=SYSTEM, reference="WX-1")
    actions.finish(actor=dipu, count_id=count)
    [row], _more = queries.differences(count)
    assert (row.difference.expected, row.pieces) == (20, -1)
    actions.post(actor=dipu, count_id=count)
    assert on_hand(tea) == 16
    assert adjustments()[-1][1] == -1


def test_what_was_put_right_meanwhile_is_not_put_right_twice(dipu: Actor, tea: Product) -> None:
    variant, count = variant_of(tea), counts.begun(tea, actor=dipu)
    counts.counted(count, {variant: 18}, actor=dipu)
    place = catalog.location_of(tea.seller_id).id
    inventory.set_on_hand(actor=SYSTEM, location_id=place, counts={variant: 18}, reference="by hand")
    assert queries.differences(count)[0] == []
    assert actions.post(actor=dipu, count_id=count).lines == 0
    assert on_hand(tea) == 18


@pytest.mark.parametrize(("reason", "posted"), [("lost", 0), ("damaged", -2)])
def test_what_was_written_off_as_lost_meanwhile_is_not_missed_twice(dipu: Actor, tea: Product, reason, posted) -> None:
    count = counts.begun(tea, actor=dipu)
    counts.counted(count, {variant_of(tea): 18}, actor=dipu)
    place = catalog.location_of(tea.seller_id).id
    inventory.correct(
        actor=dipu, variant_id=variant_of(tea), location_id=place, reason=reason, pieces=2, note="gone", seen=20
    )
    actions.post(actor=dipu, count_id=count, without_second=True)
    assert on_hand(tea) == 18 + posted  # what was damaged since was counted, and has gone from what was there


def test_less_than_promised_is_refused_for_that_line_and_the_rest_is_posted(
    dipu: Actor, tea: Product, bag: Product
) -> None:
    inventory.allocate(actor=SYSTEM, reference="WX-1", wanted={variant_of(tea): 19})
    count = counts.begun(tea, actor=dipu)
    counts.counted(count, {variant_of(tea): 18, variant_of(bag): 99}, actor=dipu)
    rows, _more = queries.differences(count)
    assert [row.too_few for row in rows] == [False, True]
    posted = actions.post(actor=dipu, count_id=count)
    assert (posted.lines, posted.refused) == (1, 1)
    assert (on_hand(tea), on_hand(bag)) == (20, 99)
    line = db.session.get_one(StockCountLine, (count, variant_of(tea)))
    assert (line.posted, line.promised) == (None, 19)
    assert queries.result(queries.count(dipu, count)).refused == 1


def test_a_count_keeps_batches_within_what_is_there(dipu: Actor, tea: Product) -> None:
    batches.registered(tea, 15)
    count = counts.begun(tea, actor=dipu)
    counts.counted(count, {variant_of(tea): 12}, actor=dipu)
    actions.post(actor=dipu, count_id=count, without_second=True)
    assert db.session.scalars(sa.select(Stock.batched).where(Stock.variant_id == variant_of(tea))).one() == 12


def test_large_differences_want_a_second_count(dipu: Actor, tea: Product) -> None:
    variant, count = variant_of(tea), counts.begun(tea, actor=dipu)
    counts.counted(count, {variant: 2}, actor=dipu)
    db.session.commit()
    with pytest.raises(DomainError, match="second count"):
        actions.post(actor=dipu, count_id=count)
    db.session.rollback()
    [line] = queries.wanting_second(count)
    assert line.counted is None  # blind, the second time too
    actions.note_counts(actor=dipu, count_id=count, counts={variant: 19}, second=True)
    assert queries.wanting_second(count) == []
    assert actions.post(actor=dipu, count_id=count).lines == 1
    assert on_hand(tea) == 19
    entries = db.session.execute(sa.select(StockCountEntry.turn, StockCountEntry.counted).order_by(StockCountEntry.id))
    assert [tuple(row) for row in entries] == [(1, 2), (2, 19)]


def test_a_second_count_that_says_the_same_confirms(dipu: Actor, tea: Product) -> None:
    variant, count = variant_of(tea), counts.begun(tea, actor=dipu)
    counts.counted(count, {variant: 2}, actor=dipu)
    actions.note_counts(actor=dipu, count_id=count, counts={variant: 2}, second=True)
    assert actions.post(actor=dipu, count_id=count).lines == 1
    assert on_hand(tea) == 2


def test_nobody_overwrites_what_they_have_not_seen(cast: Cast, dipu: Actor, tea: Product, bag: Product) -> None:
    rina = accounts.user("Rina")
    organizations.join(cast.trader, {rina: "member"})
    other = accounts.actor(rina)
    one, two, count = variant_of(tea), variant_of(bag), counts.begun(tea, actor=dipu)
    actions.note_counts(actor=other, count_id=count, counts={one: 19}, shown={one: None})
    db.session.commit()
    with pytest.raises(CountedByOthersError) as refused:
        actions.note_counts(actor=dipu, count_id=count, counts={one: 18, two: 99}, shown={one: None, two: None})
    db.session.rollback()
    assert refused.value.others == {one: 19}
    assert refused.value.by[one][0] == "Rina"
    # The same number of both is no quarrel, and who has seen the other's may decide.
    actions.note_counts(actor=dipu, count_id=count, counts={one: 19}, shown={one: None})
    actions.note_counts(actor=dipu, count_id=count, counts={one: 18, two: 99}, shown={one: 19, two: None})
    assert queries.line(count, one).counted == 18


def test_a_number_is_taken_back(dipu: Actor, tea: Product) -> None:
    variant, count = variant_of(tea), counts.begun(tea, actor=dipu)
    actions.note_counts(actor=dipu, count_id=count, counts={variant: 0})
    assert queries.count(dipu, count).counted == 1
    actions.note_counts(actor=dipu, count_id=count, counts={variant: None})
    assert queries.count(dipu, count).counted == 0
    with pytest.raises(DomainError, match="Nothing has been counted"):
        actions.finish(actor=dipu, count_id=count)


def test_goods_that_were_found_are_put_on_the_sheet(cast: Cast, dipu: Actor, tea: Product) -> None:
    salt = catalog.product(cast.trader, "Salt", stock=0)
    count = counts.begun(tea, actor=dipu)
    for _ in range(2):
        assert actions.add_line(actor=dipu, count_id=count, sku=" salt ") == variant_of(salt)
    assert queries.count(dipu, count).lines == 2
    with pytest.raises(DomainError):
        actions.add_line(actor=dipu, count_id=count, sku="NOBODY")
    counts.counted(count, {variant_of(salt): 4}, actor=dipu)
    actions.post(actor=dipu, count_id=count)
    assert on_hand(salt) == 4


@pytest.mark.parametrize("pieces", [-1, 10_000_001])
def test_numbers_that_cannot_be(dipu: Actor, tea: Product, pieces) -> None:
    count = counts.begun(tea, actor=dipu)
    with pytest.raises(DomainError):
        actions.note_counts(actor=dipu, count_id=count, counts={variant_of(tea): pieces})
    db.session.rollback()


def test_steps_in_their_order(dipu: Actor, tea: Product) -> None:
    variant, count = variant_of(tea), counts.begun(tea, actor=dipu)
    with pytest.raises(ConflictError):
        actions.post(actor=dipu, count_id=count)
    counts.counted(count, {variant: 19}, actor=dipu)
    with pytest.raises(ConflictError):
        actions.note_counts(actor=dipu, count_id=count, counts={variant: 18})
    actions.go_on(actor=dipu, count_id=count)
    with pytest.raises(ConflictError):
        actions.note_counts(actor=dipu, count_id=count, counts={variant: 18}, second=True)
    actions.note_counts(actor=dipu, count_id=count, counts={variant: 18})
    actions.finish(actor=dipu, count_id=count)
    actions.cancel(actor=dipu, count_id=count)
    actions.cancel(actor=dipu, count_id=count)
    for late in (actions.post, actions.finish, actions.go_on):
        with pytest.raises(ConflictError):
            late(actor=dipu, count_id=count)
    assert on_hand(tea) == 20


def test_strangers_have_no_counts_here(cast: Cast, dipu: Actor, tea: Product) -> None:
    farid = accounts.user("Farid")
    organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
    stranger, count = accounts.actor(farid), counts.begun(tea, actor=dipu)
    for attempt in (
        lambda: queries.count(stranger, count),
        lambda: counts.begun(tea, actor=stranger),
        lambda: actions.note_counts(actor=stranger, count_id=count, counts={variant_of(tea): 1}),
        lambda: actions.add_line(actor=stranger, count_id=count, sku="TEA"),
        lambda: actions.finish(actor=stranger, count_id=count),
        lambda: actions.cancel(actor=stranger, count_id=count),
        lambda: actions.post(actor=stranger, count_id=count),
        lambda: actions.read_file(actor=stranger, count_id=count, upload=upload("SKU,Counted\n")),
    ):
        with pytest.raises(NotFoundError):
            attempt()


# --- files and sheets -------------------------------------------------------------------------------------


def test_a_file_is_taken_as_far_as_it_is_right(dipu: Actor, tea: Product, bag: Product) -> None:
    count = counts.begun(tea, actor=dipu)
    text = "SKU;Name;Counted\r\nTEA;Tea;১৮\r\nBAG;Bag;12,5\r\nNOBODY;;3\r\n;;4\r\n"
    sent = actions.read_file(actor=dipu, count_id=count, upload=upload(text))
    assert (sent.kept, sent.empty, sent.wrong) == (1, 0, 3)
    assert queries.line(count, variant_of(tea)).counted == 18
    assert [(each["row"], each["column"], each["code"]) for each in sent.problems] == [
        (3, "Counted", "fraction"),
        (4, "SKU", "unknown"),
        (5, "SKU", "no_sku"),
    ]


def test_a_file_may_be_called_anything(dipu: Actor, tea: Product) -> None:
    count = counts.begun(tea, actor=dipu)
    actions.read_file(actor=dipu, count_id=count, upload=upload("SKU,Counted\nTEA,19\n", name="mon\0day.csv"))
    assert queries.last_file(count).file_name == "monday.csv"


def test_our_own_sheet_comes_back_as_csv_and_as_workbook(dipu: Actor, tea: Product, bag: Product) -> None:
    count = counts.begun(tea, actor=dipu)
    rows = list(sheets.rows(queries.heading_of(dipu, count), queries.sheet_lines(count)))
    assert all(row[-1] == "" for row in rows[1:])
    filled = [rows[0], *([*row[:-1], pieces] for row, pieces in zip(rows[1:], (99, 19), strict=True))]
    text = "".join(csv_lines(filled))
    assert actions.read_file(actor=dipu, count_id=count, upload=upload(text)).kept == 2
    book = io.BytesIO()
    write_workbook(book, [Sheet("Count", [str(cell) for cell in filled[0]], [[*row[:-1], 18] for row in filled[1:]])])
    sent = actions.read_file(
        actor=dipu, count_id=count, upload=FileStorage(io.BytesIO(book.getvalue()), filename="count.xlsx")
    )
    assert (sent.kept, sent.wrong) == (2, 0)
    assert queries.line(count, variant_of(bag)).counted == 18


@pytest.mark.parametrize("text", ["", "nothing here", "Name,Counted\nTea,1\n", "\x00\x01\x02"])
def test_what_is_no_table_of_counts_is_refused_whole(dipu: Actor, tea: Product, text) -> None:
    count = counts.begun(tea, actor=dipu)
    db.session.commit()
    with pytest.raises(DomainError) as refused:
        actions.read_file(actor=dipu, count_id=count, upload=upload(text))
    assert refused.value.field == "file"
    db.session.rollback()


def test_a_file_that_was_counted_earlier_is_compared_with_that_moment(dipu: Actor, tea: Product) -> None:
    """Counted 20 at noon; at one o'clock 5 were shipped; sent at two: nothing differs."""
    variant, start = variant_of(tea), clock.now()
    count = counts.begun(tea, actor=dipu)
    with clock.at(start + timedelta(hours=1)):
        inventory.allocate(actor=SYSTEM, reference="WX-1", wanted={variant: 5})
        inventory.ship(actor=SYSTEM, reference="WX-1")
    with clock.at(start + timedelta(hours=2)):
        noon = start + timedelta(minutes=30)
        text = upload("SKU,Counted\nTEA,20\n")
        actions.read_file(actor=dipu, count_id=count, upload=text, counted_at=noon)
        actions.finish(actor=dipu, count_id=count)
        assert queries.differences(count)[0] == []
        actions.post(actor=dipu, count_id=count)
        assert on_hand(tea) == 15


@pytest.mark.parametrize("hours", [-2, 3])
def test_a_moment_before_the_count_or_ahead_is_refused(dipu: Actor, tea: Product, hours) -> None:
    count = counts.begun(tea, actor=dipu)
    db.session.commit()
    with pytest.raises(DomainError) as refused:
        actions.read_file(
            actor=dipu,
            count_id=count,
            upload=upload("SKU,Counted\nTEA,20\n"),
            counted_at=clock.now() + timedelta(hours=hours),
        )
    assert refused.value.field == "counted_at"
    db.session.rollback()


def test_the_printed_sheet_has_every_line_and_no_figure(dipu: Actor, tea: Product, bag: Product) -> None:
    pypdf = pytest.importorskip("pypdf")
    count = counts.begun(tea, actor=dipu)
    sheets.make(count)
    found = db.session.get_one(StockCount, count)
    [part] = queries.printed(queries.count(dipu, count))
    first = part.file_key
    assert first is not None
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(files.storage().get(first))).pages)
    assert "TEA" in text
    assert "BAG" in text
    assert found.number in text
    assert "100" not in text
    sheets.make(count)
    assert queries.printed(queries.count(dipu, count))[0].file_key == first  # it has all lines
    actions.cancel(actor=dipu, count_id=count)


def test_a_long_sheet_is_printed_in_parts(dipu: Actor, tea: Product, bag: Product, monkeypatch) -> None:
    pypdf = pytest.importorskip("pypdf")
    monkeypatch.setattr(rules, "PART", 1)
    count = counts.begun(tea, actor=dipu)
    db.session.commit()
    outbox.drain()
    parts = queries.printed(queries.count(dipu, count))
    assert [(each.part, each.first, each.last) for each in parts] == [(1, 1, 1), (2, 2, 2)]
    texts = [pypdf.PdfReader(io.BytesIO(files.storage().get(each.file_key))).pages[0].extract_text() for each in parts]
    assert ["BAG" in text for text in texts] == [True, False]
    assert ["TEA" in text for text in texts] == [False, True]
    assert "part 2 of 2" in texts[1]


# --- at once ----------------------------------------------------------------------------------------------


def test_many_count_ship_and_post_at_once(committed_app: Flask) -> None:
    """Two fill in the same sheet while orders leave: no number is lost, nothing that moved is a difference."""
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        products = [catalog.product(trader, f"Rice {number}", stock=100) for number in range(6)]
        variants = [variant_of(product) for product in products]
        count = counts.begun(products[0])
        for number in range(20):
            inventory.allocate(actor=SYSTEM, reference=f"R{number}", wanted=dict.fromkeys(variants, 2))

    def shipping(number: int) -> None:
        with committed_app.app_context(), transaction():
            run(lambda: inventory.ship(actor=SYSTEM, reference=f"R{number}"))

    def counting(part: int) -> None:
        """One piece of each is missing, whenever it is counted."""
        with committed_app.app_context():
            mine = variants[part::2] if part < 2 else []
            for variant in mine:

                def note(variant: int = variant) -> None:
                    inventory.lock_stock([variant])
                    there = db.session.scalars(sa.select(Stock.on_hand).where(Stock.variant_id == variant)).one()
                    actions.note_counts(
                        actor=SYSTEM, count_id=count, counts={variant: there - 1}, shown={variant: None}
                    )

                with transaction():
                    run(note)

    with ThreadPoolExecutor(6) as crowd:
        several = [crowd.submit(shipping, number) for number in range(10)]
        several += [crowd.submit(counting, part) for part in range(2)]
        several += [crowd.submit(shipping, number) for number in range(10, 20)]
        for one in several:
            one.result()

    def posting(_number: int) -> actions.Posted:
        with committed_app.app_context(), transaction():
            return run(lambda: actions.post(actor=SYSTEM, count_id=count))

    with committed_app.app_context(), transaction():
        assert queries.count(SYSTEM, count).counted == 6
        actions.finish(actor=SYSTEM, count_id=count)
    with ThreadPoolExecutor(4) as crowd:
        posted = list(crowd.map(posting, range(4)))
    assert sorted(each.lines for each in posted) == [0, 0, 0, 6]
    assert sum(each.again for each in posted) == 3
    with committed_app.app_context(), transaction():
        assert set(db.session.scalars(sa.select(Stock.on_hand))) == {59}
        assert stock.proof() == []


def test_the_same_goods_are_never_in_two_open_counts(committed_app: Flask) -> None:
    """Found on one sheet at the moment in which another count of them begins."""
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        for name in ("Tea", "Salt"):
            catalog.product(trader, name, stock=5)
        chosen = {"actor": SYSTEM, "location_id": catalog.location_of(trader.id).id, "scope": "chosen"}
        tea = actions.begin(**chosen, skus=["TEA"], key=idempotency.new_key())
    written = Event()

    def add() -> bool:
        with committed_app.app_context(), transaction():
            actions.add_line(actor=SYSTEM, count_id=tea, sku="SALT")
            written.set()
            sleep(0.5)
        return True

    def begin() -> bool:
        written.wait(5)
        with committed_app.app_context(), pytest.raises(DomainError, match="counts some"), transaction():
            actions.begin(**chosen, skus=["SALT"], key=idempotency.new_key())
        return True

    with ThreadPoolExecutor(2) as crowd:
        both = [crowd.submit(add), crowd.submit(begin)]
        assert all(each.result() for each in both)


def test_counts_begun_at_once_have_numbers_without_gaps(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        products = [catalog.product(trader, f"Rice {number}", stock=5) for number in range(8)]
        place, skus = (
            catalog.location_of(trader.id).id,
            [product.name.upper().replace(" ", "-") for product in products],
        )

    def begin(number: int) -> bool:
        with committed_app.app_context():
            # Half of them want what another counts already, and are refused.
            sku = skus[number % 8]
            try:
                with transaction():
                    run(
                        lambda: actions.begin(
                            actor=SYSTEM, location_id=place, scope="chosen", skus=[sku], key=idempotency.new_key()
                        )
                    )
            except DomainError:
                return False
            return True

    with ThreadPoolExecutor(8) as crowd:
        begun = list(crowd.map(begin, range(16)))
    assert sum(begun) == 8
    with committed_app.app_context(), transaction():
        numbers = sorted(db.session.scalars(sa.select(StockCount.number)))
        assert [number[-3:] for number in numbers] == [f"{number:03d}" for number in range(1, 9)]
