"""Alembic migrations, applied when the store opens."""
