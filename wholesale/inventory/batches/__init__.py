"""Batches: which pieces expire when; first expired, first out."""
