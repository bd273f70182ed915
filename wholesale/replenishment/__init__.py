"""Replenishment: what runs out, how urgent that is, and what to order against it."""
