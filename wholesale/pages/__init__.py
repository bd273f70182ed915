"""Pages: screens that show several rooms at once: home, sources of the data, health, jobs."""
