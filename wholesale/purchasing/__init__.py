"""Purchasing: from whom a seller buys its goods, and the purchase orders that bring them."""
