"""The narrow rows that lists read: kept right in the transaction of the change.

Rooms above know what this one does not: by `filled_by` pricing and inventory tell the prices and the stock of rows
that are written, such as those of products that become active long after these were set.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from wholesale.catalog.queries.categories import COUNTS, TREE
from wholesale.catalog.rules import sounds, words
from wholesale.platform import cache
from wholesale.platform.db import db

_CHUNK = 20_000  # products at once: what their words weigh fits into memory

Filler = Callable[[Collection[int]], None]
_fillers: list[Filler] = []


def filled_by(filler: Filler) -> Filler:
    """`filler(product_ids)` sets its part of the rows of these products, wherever there is one."""
    _fillers.append(filler)
    return filler


Expected = Mapping[int, tuple[Decimal | None, Decimal | None, int]]


def refresh(product_ids: Collection[int], *, expected: Expected | None = None) -> None:
    """Write the rows of these products anew, and remove those of products that are not active.

    `expected`: product's id → (price at the MOQ, best price, pieces available) of those that are new in this
    transaction, which pricing and inventory would tell: their rows are written once.
    """
    db.session.flush()
    told = sorted((expected or {}).items())
    hints = {
        "known": [product_id for product_id, _ in told],
        "from_prices": [each[0] for _, each in told],
        "best_prices": [each[1] for _, each in told],
        "pieces": [each[2] for _, each in told],
    }
    for ids in _chunks(sorted(set(product_ids))):
        spoken = {
            word: f"{sounds.MARKS[script]}{key}"
            for word in db.session.scalars(_SPOKEN, {"ids": ids, **SIGNS})
            if (script := sounds.script(word)) and (key := sounds.sound_key(word))
        }
        removed = db.session.scalars(_REMOVE, {"ids": ids}).all()
        written = {"ids": ids, "spoken": list(spoken), "keys": list(spoken.values()), **hints, **SIGNS}
        new = db.session.scalars(_WRITE, written).all()
        if any(new) or removed:
            cache.drop(TREE)  # which counts them
        if new or removed:
            cache.drop(COUNTS)
        rest = [product_id for product_id in ids if product_id not in (expected or {})]
        for filler in _fillers if rest else ():
            filler(rest)


def _chunks(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]


def set_prices(prices: Mapping[int, tuple[Decimal, Decimal] | None]) -> None:
    """Product's id → (price at the MOQ, best price), or None for one without prices; only what differs is written."""
    ids = sorted(prices)
    pairs = [prices[product_id] or (None, None) for product_id in ids]
    db.session.execute(
        _SET_PRICES,
        {"ids": ids, "from_prices": [pair[0] for pair in pairs], "best_prices": [pair[1] for pair in pairs]},
    )


def note_available(available: Mapping[int, int]) -> None:
    """Product's id → pieces that can be ordered of it; only rows whose `in_stock` really changes are written.

    A row that somebody else is changing is passed over rather than waited for: an order must not fail for the sake
    of a list. `inventory.jobs.recount` puts right what is missed.
    """
    ids = sorted(available)
    given = {"ids": ids, "pieces": [available[product_id] for product_id in ids]}
    if db.session.execute(_NOTE_AVAILABLE, given).rowcount:  # type: ignore[attr-defined]  # of an UPDATE
        cache.drop(COUNTS)


def _sql(text: str, **arrays: Any) -> sa.TextClause:
    return sa.text(text).bindparams(*(sa.bindparam(name, type_=sa.ARRAY(of)) for name, of in arrays.items()))


SIGNS = {"vanishing": words.VANISHING, "separating": words.SEPARATING, "digits": words.DIGITS}


def plain_sql(text: str) -> str:
    """`rules.words.plain` in SQL, but for the spaces at either end. Texts of ASCII alone take a fifth of the time."""
    of_ascii = f"replace(lower({text} COLLATE \"C\"), '''', '')"
    bare = f"regexp_replace(lower(normalize({text}, NFKD) COLLATE \"C\"), :vanishing, '', 'g')"
    return f"""CASE WHEN octet_length({text}) = char_length({text})
        THEN regexp_replace({of_ascii}, :separating, ' ', 'g')
        ELSE translate(regexp_replace({bare}, :separating, ' ', 'g'), :digits, '0123456789') END"""


# A category is found by its own names and those of the categories above it.
_TITLES = f"""
    RECURSIVE above AS (
        SELECT id AS category_id, parent_id, name, name_bn FROM category
        WHERE id IN (SELECT category_id FROM product WHERE id = ANY(:ids))
        UNION ALL
        SELECT above.category_id, category.parent_id, category.name, category.name_bn
        FROM above JOIN category ON category.id = above.parent_id
    ), named AS (
        SELECT category_id, string_agg(concat_ws(' ', name, name_bn), ' ') AS text FROM above GROUP BY category_id
    ), title AS MATERIALIZED (
        SELECT category_id, {plain_sql("text")} AS filed_under FROM named
    )
"""  # noqa: S608 - put together from constants of this module

_SPOKEN = _sql(
    f"""
    WITH {_TITLES}
    SELECT DISTINCT unnest(string_to_array({plain_sql("concat_ws(' ', name, name_bn, brand)")}, ' '))
    FROM product WHERE id = ANY(:ids) AND state = 'active'
    UNION
    SELECT DISTINCT unnest(string_to_array(filed_under, ' ')) FROM title
    """,  # noqa: S608 - put together from constants of this module
    ids=sa.BigInteger,
)

_REMOVE = _sql(
    """
    DELETE FROM listing WHERE product_id IN (
        SELECT listing.product_id FROM listing JOIN product ON product.id = listing.product_id
        WHERE listing.product_id = ANY(:ids) AND product.state <> 'active'
        ORDER BY listing.product_id FOR UPDATE OF listing
    ) RETURNING product_id
    """,
    ids=sa.BigInteger,
)

_WRITE = _sql(
    f"""
    WITH {_TITLES}, spoken AS MATERIALIZED (
        -- With a place, for what has none weighs nothing.
        SELECT word, quote_literal(key) || '\\:1' AS key FROM unnest(:spoken, :keys) AS given (word, key)
    ), shelf AS MATERIALIZED (
        -- What all goods of a category are found by, made once for all of them.
        SELECT category_id,
               setweight(to_tsvector('simple', filed_under) || to_tsvector('english', filed_under), 'C') AS words,
               (SELECT string_agg(spoken.key || 'C', ' ')
                FROM unnest(string_to_array(filed_under, ' ')) AS said (word) JOIN spoken USING (word)) AS sounds
        FROM title
    ), goods AS MATERIALIZED (
        SELECT id, seller_id, category_id, moq, country, attributes,
               {plain_sql("concat_ws(' ', name, name_bn)")} AS called,
               {plain_sql("coalesce(brand, '')")} AS made_by,
               {plain_sql("description")} AS told
        FROM product
        WHERE id = ANY(:ids) AND state = 'active'
    ), code AS (
        SELECT product_id, string_agg(text, ' ') AS texts,
               array_agg(DISTINCT '#' || replace(text, ' ', '')) FILTER (WHERE text <> '') AS whole
        FROM (
            SELECT product_id, {plain_sql("sku")} AS text FROM variant WHERE product_id = ANY(:ids)
            UNION ALL
            SELECT product_id, {plain_sql("barcode")} FROM variant WHERE product_id = ANY(:ids) AND barcode IS NOT NULL
        ) AS codes GROUP BY product_id
    ), sound AS (
        -- How its name sounds says more of a product than its shelf.
        SELECT said.id AS product_id, string_agg(spoken.key || 'B', ' ') AS keys
        FROM (SELECT id, unnest(string_to_array(concat_ws(' ', called, made_by), ' ')) AS word FROM goods) AS said
        JOIN spoken ON spoken.word = said.word
        GROUP BY said.id
    ), written AS (
        INSERT INTO listing (product_id, seller_id, category_id, moq, country, attributes, sort_name,
                             from_price, best_price, in_stock)
        SELECT goods.id, seller_id, category_id, moq, country,
               CASE WHEN attributes = '{{}}' THEN '{{}}'
                    ELSE ARRAY(SELECT key || '=' || value FROM jsonb_each_text(attributes) ORDER BY 1) END,
               left(ltrim(called), 60), from_price, best_price, coalesce(pieces >= moq, false)
        FROM goods LEFT JOIN unnest(:known, :from_prices, :best_prices, :pieces)
                             AS expected (product_id, from_price, best_price, pieces) ON expected.product_id = goods.id
        ORDER BY goods.id
        ON CONFLICT (product_id) DO UPDATE SET
            seller_id = excluded.seller_id, category_id = excluded.category_id, moq = excluded.moq,
            country = excluded.country, attributes = excluded.attributes, sort_name = excluded.sort_name
        WHERE (listing.seller_id, listing.category_id, listing.moq, listing.country, listing.attributes,
               listing.sort_name)
              IS DISTINCT FROM
              (excluded.seller_id, excluded.category_id, excluded.moq, excluded.country, excluded.attributes,
               excluded.sort_name)
        RETURNING xmax = 0 AS is_new
    ), worded AS (
        INSERT INTO listing_words (product_id, words)
        SELECT goods.id,
               setweight(to_tsvector('simple', called) || to_tsvector('simple', coalesce(code.texts, ''))
                         || array_to_tsvector(coalesce(code.whole, '{{}}')), 'A')
               || setweight(to_tsvector('english', called) || to_tsvector('simple', made_by)
                            || to_tsvector('english', made_by), 'B')
               || shelf.words
               || CAST(concat_ws(' ', sound.keys, shelf.sounds) AS tsvector)
               || setweight(to_tsvector('simple', told) || to_tsvector('english', told), 'D')
        FROM goods JOIN shelf ON shelf.category_id = goods.category_id
        LEFT JOIN code ON code.product_id = goods.id LEFT JOIN sound ON sound.product_id = goods.id
        ORDER BY goods.id
        ON CONFLICT (product_id) DO UPDATE SET words = excluded.words
        WHERE listing_words.words IS DISTINCT FROM excluded.words
    )
    SELECT is_new FROM written
    """,  # noqa: S608 - put together from constants of this module
    ids=sa.BigInteger,
    spoken=sa.Text,
    keys=sa.Text,
    known=sa.BigInteger,
    from_prices=sa.Numeric(18, 4),
    best_prices=sa.Numeric(18, 4),
    pieces=sa.BigInteger,
)

# Whatever changes rows locks them in the order of their keys first, so that two never wait for each other.
_SET_PRICES = _sql(
    """
    WITH given AS (
        SELECT * FROM unnest(:ids, :from_prices, :best_prices) AS given (product_id, from_price, best_price)
    ), locked AS (
        SELECT listing.product_id, given.from_price, given.best_price
        FROM listing JOIN given ON given.product_id = listing.product_id
        WHERE (listing.from_price, listing.best_price) IS DISTINCT FROM (given.from_price, given.best_price)
        ORDER BY listing.product_id FOR NO KEY UPDATE OF listing
    )
    UPDATE listing SET from_price = locked.from_price, best_price = locked.best_price
    FROM locked WHERE listing.product_id = locked.product_id
    """,
    ids=sa.BigInteger,
    from_prices=sa.Numeric(18, 4),
    best_prices=sa.Numeric(18, 4),
)

_NOTE_AVAILABLE = _sql(
    """
    WITH locked AS (
        SELECT listing.product_id, given.pieces >= listing.moq AS in_stock
        FROM listing JOIN unnest(:ids, :pieces) AS given (product_id, pieces) ON given.product_id = listing.product_id
        WHERE listing.in_stock <> (given.pieces >= listing.moq)
        ORDER BY listing.product_id FOR NO KEY UPDATE OF listing SKIP LOCKED
    )
    UPDATE listing SET in_stock = locked.in_stock FROM locked WHERE listing.product_id = locked.product_id
    """,
    ids=sa.BigInteger,
    pieces=sa.BigInteger,
)
