"""Forecasts: what will be asked for in the weeks to come, and how good such figures have been."""
