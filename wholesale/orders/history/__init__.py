"""The history of orders: searched, filtered, and taken along as a table (ORD-10).

Everybody searches what they may see: a buyer and a seller their own orders, the platform's staff all. A table holds a
line of an order in each row; what is the order's alone (delivery, total) stands in its first row, so that every column
can be added up. Up to `rules.AT_ONCE` lines it is written at once, above that in the background, kept for a week.
"""
