"""Pricing: what N pieces cost, and how an order's money is shared.

Vocabulary: **tier** (from this quantity on, this unit price), **ladder** (a product's tiers in order; the first
stands at the MOQ), **quote** (the ladder's answer for a quantity, with the advice that saves money),
**settlement rule** (profit share or commission, with its percentages; the most specific of product, seller,
category and platform holds).
Invariants: one function prices for page, cart, order and export (`rules.quote`); quantities of a ladder rise
and its prices fall; a line's total is rounded once, half up; seller's and platform's parts add up exactly.
"""
