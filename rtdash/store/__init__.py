"""The only SQL: schema, event log, reservations, reports and sessions over SQLite or PostgreSQL."""
