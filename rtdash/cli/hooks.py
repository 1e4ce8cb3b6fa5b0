"""`rtdash hooks`: what was refused of other systems' webhooks, and a secret for a new source."""

import base64
import secrets
import sys

import typer

from rtdash.cli.credentials import (
    DataOption,
    JsonOption,
    TokenOption,
    UrlOption,
    find_token,
    find_url,
)
from rtdash.domain.printable import json_line, printable
from rtdash.protocol.webhooks import SECRET_PREFIX

SECRET_BYTES = 32

app = typer.Typer(
    help=(
        "List refused webhooks; make a secret for a source."
        "\n\nExamples: rtdash hooks · rtdash hooks --json · rtdash hooks secret"
    ),
    invoke_without_command=True,
    rich_markup_mode=None,
)


@app.callback()
def hooks(
    context: typer.Context,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what was refused, latest first, unless there is a subcommand."""
    if context.invoked_subcommand is not None:
        return
    from rtdash.cli.http_client import request_json

    found = request_json(
        "GET",
        find_url(data, url),
        "/api/hooks",
        find_token(data, token, admin=True),
        fields=["refused"],
    )["refused"]
    for one in found:
        if as_json:
            sys.stdout.write(json_line(one) + "\n")
            continue
        sys.stdout.write(printable(f"{one['receivedAt']} {one['source']} {one['id']}") + "\n")
        for line in one["problem"].split("\n"):
            sys.stdout.write(f"  {printable(line)}\n")
    if not found:
        sys.stderr.write("nothing was refused within a day\n")


@app.command("secret")
def secret() -> None:
    """Print a new secret for a source's file and for the sender.

    Example: rtdash hooks secret
    """
    key = base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    sys.stdout.write(f"{SECRET_PREFIX}{key}\n")
