"""Text files that a user names, as those of a token or a secret."""

from pathlib import Path

from rtdash.cli.failures import CommandFailed, Exit
from rtdash.text_files import NotText, read_text_file


def read_named_file(file: Path, *, what: str, hint: str) -> str:
    """Return the text of a file without blanks around it. Raises CommandFailed: `what` can't be
    read.
    """
    try:
        return read_text_file(file).strip()
    except (OSError, NotText) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CommandFailed(f"{what} can't be read: {reason}", hint=hint, code=Exit.USAGE) from None
