"""`rtdash open`: signs this machine's browser in with a one-time code."""

import getpass
import os
import sys
import webbrowser
from datetime import timedelta
from html import escape
from pathlib import Path
from typing import Annotated

import typer

from rtdash.cli.credentials import (
    DataOption,
    UrlOption,
    data_directory,
    find_url,
    local_code,
    local_token,
)
from rtdash.cli.options import option

REDIRECT_FILE = "open.html"
_PAGE = """<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={url}">
<title>rtdash</title>
"""


def open_page(
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the address, and open nothing: for SSH.")
    ] = False,
    venue: Annotated[
        list[str] | None,
        option(
            help="A venue's id; may be repeated. [default: every venue]",
        ),
    ] = None,
    ttl: Annotated[
        str, typer.Option(help="How long the token is valid without renewal: 30m, 12h, 7d.")
    ] = "12h",
    url: UrlOption = None,
    data: DataOption = None,
) -> None:
    """Open the dashboard in the browser, signed in.

    The address holds a code that is good for a minute, and once.

    Example: rtdash open --venue harbour-hotel
    """
    from rtdash.cli.http_client import request_json
    from rtdash.cli.token import parse_lifetime
    from rtdash.client.shapes import VENUES

    base = find_url(data, url)
    lifetime = parse_lifetime(ttl)
    # a secret that is not the server's would only be noticed in the browser
    request_json("GET", base, "/api/user/profile", local_token(data), shape=VENUES)
    if print_only or not has_desktop():
        typer.echo(sign_in_address(base, data, venues=tuple(venue or ()), ttl=lifetime))
        if not print_only:
            sys.stderr.write("there is no desktop here: open the address within a minute\n")
        return
    open_signed_in(base, data, venues=tuple(venue or ()), ttl=lifetime)
    sys.stderr.write(f"opened {base} in your browser\n")


def sign_in_address(
    base: str,
    data: Path | None,
    *,
    venues: tuple[str, ...] = (),
    ttl: timedelta = timedelta(hours=12),
) -> str:
    """Return the page's address with a fresh code. The code stands in the fragment, which no
    request carries. Raises CommandFailed.
    """
    return f"{base}/#code={local_code(data, user=_login_name(), venues=venues, ttl=ttl)}"


def open_signed_in(
    base: str,
    data: Path | None,
    *,
    venues: tuple[str, ...] = (),
    ttl: timedelta = timedelta(hours=12),
) -> bool:
    """Open the page in the browser. False where none could be started. Raises CommandFailed."""
    address = sign_in_address(base, data, venues=venues, ttl=ttl)
    return open_address(data_directory(data).absolute(), address)


def open_address(directory: Path, address: str) -> bool:
    """Open an address with a code in the browser. False where no browser could be started.

    The code goes by a file that only its owner reads, since every user of the machine sees the
    arguments of a process (jupyter/notebook issue 4260).
    """
    file = directory / REDIRECT_FILE
    file.unlink(missing_ok=True)
    with os.fdopen(
        os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as page:
        page.write(_PAGE.format(url=escape(address, quote=True)))
    return webbrowser.open(file.as_uri())


def has_desktop() -> bool:
    """Whether a browser that is started here is seen by the person at the terminal."""
    if os.environ.get("SSH_CONNECTION"):
        return False
    if sys.platform in {"darwin", "win32"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "local"
