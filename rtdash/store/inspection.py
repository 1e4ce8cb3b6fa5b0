"""A look at a SQLite file from outside, for `rtdash doctor`: nothing is written, no lock is taken."""

from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from rtdash.store.faults import StoreError, StoreUnavailable, translate
from rtdash.store.upgrade import refuse_newer

_RESTORE = "restore a backup, then: rtdash doctor --new-epoch"


def find_trouble(store: Path) -> StoreError | None:
    """The first thing that is wrong with the file (PRAGMA quick_check), or why this version can't use it; None when all is well."""
    engine = create_engine(f"sqlite:///file:{store}?mode=ro&uri=true")
    try:
        with engine.connect() as conn:
            if (verdict := str(conn.execute(text("PRAGMA quick_check(1)")).scalar_one())) != "ok":
                return StoreUnavailable(verdict, reason="broken", hint=_RESTORE)
            refuse_newer(conn)
    except SQLAlchemyError as error:
        return translate(error) or StoreUnavailable(str(error), reason="broken", hint=_RESTORE)
    except StoreError as error:
        return error
    finally:
        engine.dispose()
    return None
