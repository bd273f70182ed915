"""The demonstration: real goods and real orders, invented people; `flask --app wsgi demo load` loads it."""
