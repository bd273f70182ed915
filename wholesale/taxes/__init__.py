"""Taxes: which tax is on which goods, in which country, since when.

Vocabulary: **rate** (a tax of a country, for all goods or for those of a category and the categories below it, from a
day on: standard, zero or exempt), **scope** (a country with a category, or with all goods), **on top** (prices are
without the tax, the buyer pays it beside them), **included** (prices hold it already).
Invariants: the place of supply is the seller's country; the most specific category above a product wins; a rate holds
until the day before the next one of its scope begins, so that no two ever hold at once; what has held is never changed,
and what was ordered keeps the rate of the day on which it was placed, in the platform's zone.
"""
