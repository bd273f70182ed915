"""Forecasts: what will be asked for in the weeks to come, how good such figures have been, and what stock follows.

Vocabulary: **history** (pieces ordered of a variant in each full week, as they were ordered, without what was
cancelled whole), **forecast** (pieces expected in each of twelve weeks, with a range that encloses four outcomes in
five), **method** (how it was made; chosen for each variant by a **rolling backtest**: at every week of its past each
method forecast the total of the four after it), **error** (what such totals were missed by, as a share of what was
ordered), **naive forecast** (the last week again: what every other is measured by), **pooled** (a short history filled
up with what comparable goods are ordered), **outlook** (the forecast from this week on with somebody's word in its
place), **override** (that word: who, why, until when), **service level** (how often stock is to last), **safety
stock**, **reorder level**.
Invariants: nothing is below nothing, and the range encloses the forecast; a method sees only what came before what it
forecasts; the same history gives the same forecast, so that making it twice changes nothing; one override of a variant
holds at a time, none is ever deleted; nobody's figures are in another seller's forecast.
"""
