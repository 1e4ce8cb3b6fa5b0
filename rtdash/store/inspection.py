"""A look at a SQLite file from outside, for `rtdash doctor`: nothing is written, no lock is taken."""

from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import DatabaseError


def quick_check(store: Path) -> str:
    """`ok`, or the first thing that SQLite finds wrong with the file (PRAGMA quick_check), or why it can't be read."""
    engine = create_engine(f"sqlite:///file:{store}?mode=ro&uri=true")
    try:
        with engine.connect() as connection:
            return str(connection.execute(text("PRAGMA quick_check(1)")).scalar_one())
    except DatabaseError as error:
        return str(error.orig)
    finally:
        engine.dispose()
