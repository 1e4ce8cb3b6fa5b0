"""`rtdash hooks`: webhooks out, with what their receivers lack; what was refused of webhooks in; a
secret for either.
"""

import base64
import secrets
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from rtdash.cli.credentials import (
    DataOption,
    JsonOption,
    TokenOption,
    UrlOption,
    find_token,
    find_url,
)
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.named_files import read_named_file
from rtdash.domain.printable import json_line, printable
from rtdash.protocol.webhook_signatures import SECRET_PREFIX

SECRET_BYTES = 32

_PATH = "/api/admin/webhooks"
_WEBHOOKS = {"webhooks": [{"id": str, "lagEvents": int, "lagSeconds": (int, float)}]}
_REFUSED = {"refused": [{"receivedAt": str, "source": str, "id": str, "problem": str}]}

app = typer.Typer(
    help=(
        "Send events to other systems; list what was refused of theirs."
        "\n\nExamples: rtdash hooks · rtdash hooks add https://receiver.example/in --channel"
        " hotel_reservations · rtdash hooks secret"
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
    """List webhooks out, and what was refused of webhooks in, unless there is a subcommand."""
    if context.invoked_subcommand is not None:
        return
    server = find_url(data, url), find_token(data, token, admin=True)
    sent = _request("GET", server, shape=_WEBHOOKS)["webhooks"]
    refused = _request("GET", server, "/api/hooks", shape=_REFUSED)["refused"]
    _print_webhooks(sent, as_json=as_json)
    for one in refused:
        if as_json:
            sys.stdout.write(json_line(one) + "\n")
            continue
        sys.stdout.write(printable(f"{one['receivedAt']} {one['source']} {one['id']}") + "\n")
        for line in one["problem"].split("\n"):
            sys.stdout.write(f"  {printable(line)}\n")
    if not refused:
        sys.stderr.write("nothing was refused within a day\n")


@app.command("add")
def add(
    receiver: Annotated[
        str, typer.Argument(metavar="URL", help="Where events are posted to: https://…")
    ],
    channel: Annotated[
        str,
        typer.Option("--channel", metavar="CHANNEL", help="As in hotel_reservations."),
    ],
    venue: Annotated[
        str | None,
        typer.Option("--venue", metavar="ID", help="A venue. [default: the first of that kind]"),
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            "--secret-file",
            metavar="FILE",
            help="A file with the secret, whsec_… [default: a new one]",
        ),
    ] = None,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send the events of a channel to a receiver, from now on.

    Prints the webhook's id and its secret, which is not shown again.

    Example: rtdash hooks add https://receiver.example/in --channel hotel_reservations
    """
    asked = {"url": receiver, "channel": channel, "venue": venue, "secret": _read(secret_file)}
    added = _request(
        "POST",
        (find_url(data, url), find_token(data, token, admin=True)),
        shape={"id": str, "secret": str},
        json={name: value for name, value in asked.items() if value is not None},
    )
    if as_json:
        sys.stdout.write(json_line(added) + "\n")
        return
    sys.stdout.write(f"{printable(added['id'])}\n{printable(added['secret'])}\n")
    sys.stderr.write("the receiver checks signatures with this secret; it is not shown again\n")


@app.command("remove")
def remove(
    webhook: Annotated[str, typer.Argument(metavar="ID", help="As `rtdash hooks list` prints it.")],
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
) -> None:
    """Remove a webhook; what its receiver lacks isn't sent any more.

    Example: rtdash hooks remove wh_3f0c9a51d2b7e864
    """
    path = _path_of(webhook)
    _request("DELETE", (find_url(data, url), find_token(data, token, admin=True)), path)


@app.command("skip")
def skip(
    webhook: Annotated[str, typer.Argument(metavar="ID", help="As `rtdash hooks list` prints it.")],
    to: Annotated[
        int | None,
        typer.Option(
            "--to", metavar="SEQ", min=1, help="The last one to skip. [default: the one refused]"
        ),
    ] = None,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
) -> None:
    """Step over an event, or a reset, that a receiver refuses for ever.

    The later ones wait for it, and the receiver never gets it. It is counted and logged.

    Example: rtdash hooks skip wh_3f0c9a51d2b7e864
    """
    path, server = _path_of(webhook), (find_url(data, url), find_token(data, token, admin=True))
    found = [] if to else _request("GET", server, shape=_WEBHOOKS)["webhooks"]
    held: dict[str, Any] = next((one for one in found if one["id"] == webhook), {})
    if held.get("heldByReset"):
        _request("POST", server, f"{path}/skip", json={"reset": True})
        sys.stderr.write(f"{webhook} goes on at the head of the new log, without a reset\n")
        return
    to = to or held.get("heldSeq")
    if to is None:
        raise CommandFailed(f"no event of {webhook} is refused", hint="see: rtdash hooks list")
    shown = _request("POST", server, f"{path}/skip", shape={"skippedEvents": int}, json={"seq": to})
    total = shown["skippedEvents"]
    sys.stderr.write(f"events up to {to} are not sent to {webhook} any more ({total} in all)\n")


@app.command("list")
def list_webhooks(
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List webhooks out: what each receiver lacks, and why.

    Example: rtdash hooks list --json
    """
    server = find_url(data, url), find_token(data, token, admin=True)
    _print_webhooks(_request("GET", server, shape=_WEBHOOKS)["webhooks"], as_json=as_json)


@app.command("secret")
def secret() -> None:
    """Print a new secret for a source's file and for the sender.

    Example: rtdash hooks secret
    """
    key = base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    sys.stdout.write(f"{SECRET_PREFIX}{key}\n")


def _path_of(webhook: str) -> str:
    """Return the path of a webhook. Raises CommandFailed for what can be no id."""
    if not webhook.replace("_", "").isalnum() or not webhook.isascii():
        raise CommandFailed(
            f"{printable(webhook)} is no id of a webhook",
            hint="see them with: rtdash hooks list",
            code=Exit.USAGE,
        )
    return f"{_PATH}/{webhook}"


def _request(
    method: str, server: tuple[str, str], path: str = _PATH, **options: Any
) -> dict[str, Any]:
    from rtdash.cli.http_client import request_json

    address, bearer = server
    found: dict[str, Any] = request_json(method, address, path, bearer, **options)
    return found


def _read(file: Path | None) -> str | None:
    hint = "write a secret into it: rtdash hooks secret"
    return None if file is None else read_named_file(file, what=str(file), hint=hint)


def _print_webhooks(found: list[dict[str, Any]], *, as_json: bool) -> None:
    for one in found:
        if as_json:
            sys.stdout.write(json_line(one) + "\n")
            continue
        head = f"{one['id']} {one['venue']} {one['channel']} {_state(one)}"
        lines = [head, f"  {one['url']}"]
        if one["failure"]:
            lines.append(f"  {one['failedAt']} {one['failure']}")
        if one.get("heldSeq") or one.get("heldByReset"):
            what = "a reset" if one.get("heldByReset") else f"event {one['heldSeq']}"
            held = f"  HELD UP by {what} after {one['failures']} attempts"
            lines.append(f"{held}; if it is never to be taken: rtdash hooks skip {one['id']}")
        if one.get("skippedEvents"):
            lines.append(f"  skipped: {one['skippedEvents']} events, last at {one['skippedAt']}")
        sys.stdout.writelines(f"{printable(line)}\n" for line in lines)
    if not found:
        sys.stderr.write("no webhook is sent; rtdash hooks add --help\n")


def _state(shown: dict[str, Any]) -> str:
    if shown["disabledAt"]:
        return f"disabled since {shown['disabledAt']}"
    if not shown["lagEvents"]:
        return "up to date"
    return f"lacks {shown['lagEvents']} events, the oldest for {shown['lagSeconds']:g} s"
