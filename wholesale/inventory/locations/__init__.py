"""Locations: the warehouses and shops of a seller, opened, renamed and closed; their table is the inventory's."""
