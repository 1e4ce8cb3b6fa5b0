"""Server address and token of the commands: from flags, settings, or the data directory of this
machine.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from rtdash.cli.configfile import read_setting
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.named_files import read_named_file
from rtdash.cli.options import option
from rtdash.setting_sources import default_data_directory
from rtdash.text_files import NotText, read_text_file

_OF_URL = "the server's URL "
DEFAULT_URL = "http://127.0.0.1:8000"
ADDRESS_FILE = "address"
SCOPES = ("hotel:read", "hotel:write", "restaurant:read", "restaurant:write", "admin")

DataOption = Annotated[
    Path | None,
    option(
        "--data",
        metavar="DIR",
        help=(
            "Data directory: store, secret, address. [default: RTDASH_DATA, else the user's data"
            " directory]"
        ),
    ),
]
UrlOption = Annotated[
    str | None,
    option(
        "--url",
        help=(
            "The server. [default: RTDASH_URL, else the address that serve wrote into the data"
            " directory]"
        ),
    ),
]
TokenOption = Annotated[
    str | None,
    option(
        "--token",
        metavar="TOKEN",
        envvar="RTDASH_TOKEN",
        help=(
            "A token, or @FILE that holds one. [default: minted from the secret in the data"
            " directory]"
        ),
        show_envvar=False,
    ),
]


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on one line, for programs.")]


def data_directory(data: Path | None) -> Path:
    """Return the data directory: flag, RTDASH_DATA, `data` in rtdash.toml, or the platform's place
    for it.
    """
    if data is not None:
        return data
    if chosen := read_setting("data"):
        return Path(chosen)
    return default_data_directory()


def find_url(data: Path | None = None, url: str | None = None) -> str:
    """Return the server's base URL: flag, RTDASH_URL, rtdash.toml, the address that `serve` wrote,
    or port 8000 of this machine. Raises CommandFailed.
    """
    found = url or read_setting("url")
    if not found:
        address = data_directory(data) / ADDRESS_FILE
        found = _read_address(address) if _may_be_there(address) else DEFAULT_URL
    from rtdash.client.addresses import rest_url

    try:
        if found.startswith(("http://", "https://")):
            return rest_url(found)
        problem = "it begins with http:// or https://"
    except ValueError as error:
        # It is not repeated: it may carry a password.
        problem = str(error).removeprefix(_OF_URL)
    raise CommandFailed(
        f"the server's URL can't be used: {problem}",
        hint=f"write it as in --url {DEFAULT_URL}",
        code=Exit.USAGE,
    )


def _may_be_there(file: Path) -> bool:
    try:
        return file.is_file()
    except PermissionError:  # of its directory
        return True


def _read_address(file: Path) -> str:
    return read_named_file(
        file,
        what=str(file),
        hint="run as the user that runs rtdash serve, or name the server: --url URL --token @FILE",
    )


def reach_hint(error: str) -> str:
    """Return the advice for a server that can't be reached, by the error text of the attempt."""
    if "CERTIFICATE_VERIFY_FAILED" in error:
        return "to trust its certificate, name it or its authority's: SSL_CERT_FILE=FILE"
    return "is it running? start one with: rtdash serve   (or name another: --url URL)"


def find_token(data: Path | None, token: str | None, *, admin: bool = False) -> str:
    """Return the given token (`@FILE`: the file's content), else one minted for this machine.
    Raises CommandFailed.
    """
    token = token or read_setting("token")
    if token and token.startswith("@"):
        file = Path(token[1:])
        token = read_named_file(
            file,
            what=f"the token file {file}",
            hint=(
                "make one: rtdash token > FILE   (without --token one is minted on the server's"
                " machine)"
            ),
        )
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise CommandFailed(
            "the token has characters that no token has",
            hint="give it whole and on one line: --token TOKEN, or --token @FILE",
            code=Exit.USAGE,
        )
    return token or local_token(data, admin=admin)


def local_token(
    data: Path | None = None,
    *,
    user: str = "local",
    name: str | None = None,
    scopes: tuple[str, ...] = (),
    venues: tuple[str, ...] = (),
    ttl: timedelta = timedelta(hours=12),
    admin: bool = False,
) -> str:
    """Mint a token with the secret in the data directory, with issuer and audience as set. Raises
    CommandFailed where no secret can be read.
    """
    from rtdash.server.auth import tokens

    return tokens.mint(
        _read_secret(data_directory(data)),
        user=user,
        name=name,
        scopes=scopes or (*tokens.DEFAULT_SCOPES, *(("admin",) if admin else ())),
        venues=venues or (tokens.ALL_VENUES,),
        ttl=ttl,
        issuer=read_setting("issuer"),
        audience=read_setting("audience"),
    )


def local_code(
    data: Path | None, *, user: str, venues: tuple[str, ...] = (), ttl: timedelta
) -> str:
    """Mint a sign-in code with the secret in the data directory, with issuer and audience as set.
    `ttl` is that of the token to come. Raises CommandFailed where no secret can be read.
    """
    from rtdash.server.auth import sign_in, tokens

    return sign_in.mint_code(
        _read_secret(data_directory(data)),
        user=user,
        venues=venues or (tokens.ALL_VENUES,),
        ttl=ttl,
        issuer=read_setting("issuer"),
        audience=read_setting("audience"),
    )


def own_server_code(directory: Path, *, user: str) -> str:
    """Mint a sign-in code for a server that this command has started, from its secret."""
    from rtdash.server.auth import sign_in

    return sign_in.mint_code(_own_secret(directory), user=user, ttl=timedelta(hours=12))


def own_server_token(directory: Path, *, user: str, admin: bool = False) -> str:
    """Mint a token for a server that this command has started: from its secret, never from a
    setting that is meant for another server.
    """
    from rtdash.server.auth import tokens

    return tokens.mint(
        _own_secret(directory),
        user=user,
        scopes=(*tokens.DEFAULT_SCOPES, *(("admin",) if admin else ())),
        ttl=timedelta(days=8),
    )


def own_server_limited_tokens(directory: Path, *, user: str) -> tuple[str, ...]:
    """Mint tokens of fewer rights for such a server: each may only read, and one kind of venue."""
    from rtdash.server.auth import tokens

    return tuple(
        tokens.mint(_own_secret(directory), user=user, scopes=(scope,), ttl=timedelta(days=8))
        for scope in ("hotel:read", "restaurant:read")
    )


def _own_secret(directory: Path) -> str:
    return (directory / "secret").read_text(encoding="utf-8").strip()


def _read_secret(directory: Path) -> str:
    if secret := read_setting("secret"):
        return secret
    try:
        return read_text_file(directory / "secret").strip()
    except FileNotFoundError:
        raise CommandFailed(
            f"there is no secret in {directory}: no server has been started with this data"
            " directory",
            hint="start one with: rtdash serve   (or name it: --url URL --token @FILE)",
            code=Exit.UNREACHABLE,
        ) from None
    except (OSError, NotText) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CommandFailed(
            f"the secret in {directory} can't be read: {reason}",
            hint="run as the user that runs rtdash serve, or give --token @FILE",
            code=Exit.NOT_ALLOWED,
        ) from None
