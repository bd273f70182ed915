"""Stock takes: what was counted, and what differs from the log."""
