"""/docs: the OpenAPI document for people, as one page that loads nothing from anywhere else:
groups, examples, and a form to try each endpoint.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_STYLE = (_HERE / "reference.css").read_text(encoding="utf-8")
_SCRIPT = (_HERE / "reference.js").read_text(encoding="utf-8")
_REFERENCE = re.compile(r"&quot;#/components/schemas/(\w+)&quot;")
_CODE = re.compile(r"`([^`]+)`")

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'; form-action 'none';"
    f" script-src 'sha256-{b64encode(sha256(_SCRIPT.encode()).digest()).decode()}'"
)
"""The page's Content-Security-Policy: its own script, and requests to its own server."""


def reference_page(document: Mapping[str, Any]) -> bytes:
    """Return the page: the endpoints by group, each with parameters, examples, answers and a form,
    then the schemas that they name.
    """
    title = f"{document['info']['title']} {document['info']['version']}"
    groups: dict[str, list[str]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups[operation["tags"][0]].append(_operation(path, method, operation))
    body = (
        f"<header><h1>{escape(title)}</h1><label>Token: <input id=token type=password"
        ' autocomplete=off placeholder="what `rtdash token` prints"></label></header>'
        f"<p>{_text(document['info']['description'])} For programs:"
        ' <a href="openapi.json">openapi.json</a>, <a href="asyncapi.json">asyncapi.json</a>.</p>'
        + "".join(
            f"<h2>{escape(tag['name'])}</h2><p>{_text(tag['description'])}</p>"
            + "".join(groups[tag["name"]])
            for tag in document["tags"]
        )
        + "<h2>Schemas</h2>"
        + "".join(_schema(*one) for one in document["components"]["schemas"].items())
    )
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}'
        f"<script>{_SCRIPT}</script></body></html>\n"
    ).encode()


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    return (
        f'<details id="{operation["operationId"]}"><summary><b>{method.upper()}</b>'
        f" <code>{escape(path)}</code> {_text(operation['summary'])}</summary>"
        f"<p>{_text(operation['description'])}"
        f" {'With a token.' if operation['security'] else 'No token is needed.'}</p>"
        f"{_form(path, method, operation)}<p>Answers:</p><table>{''.join(_answers(operation))}</table>"
        "</details>"
    )


def _form(path: str, method: str, operation: Mapping[str, Any]) -> str:
    rows = "".join(_parameter(one) for one in operation.get("parameters", ()))
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    body = ""
    if content is not None:
        example = json.dumps(content.get("example", {}), indent=2, ensure_ascii=False)
        body = f"<p>Body:</p><textarea spellcheck=false>{escape(example)}</textarea>"
    secured = " data-secured=1" if operation["security"] else ""
    return (
        f'<form data-path="{escape(path[1:])}" data-method="{method.upper()}"{secured}>'
        f"<table>{rows}</table>{body}<button>Send</button>"
        " <output class=status></output><pre><output></output></pre></form>"
    )


def _parameter(one: Mapping[str, Any]) -> str:
    default = one.get("schema", {}).get("default", "")
    needed = " required" if one.get("required") else ""
    return (
        f"<tr><td><code>{escape(one['name'])}</code></td><td><input"
        f' name="{escape(one["name"])}" data-in="{one["in"]}" placeholder="{escape(str(default))}"'
        f"{needed}></td><td>{_text(one.get('description', ''))}</td></tr>"
    )


def _answers(operation: Mapping[str, Any]) -> Iterator[str]:
    for status, answer in sorted(operation["responses"].items()):
        shown = ""
        for content in answer.get("content", {}).values():
            if "example" in content:
                shown = f"<pre>{_json(content['example'])}</pre>"
            named = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
            if named:
                shown = f'<a href="#{named}">{named}</a>{shown}'
        yield (
            f"<tr><td><code>{escape(status)}</code></td><td>{_text(answer['description'])}"
            f" {shown}</td></tr>"
        )


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    return (
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code>'
        f" {_text(schema.get('description', '').partition('. ')[0])}</summary>"
        f"<pre>{_json(schema)}</pre></details>"
    )


def _json(value: Any) -> str:
    """JSON; what it refers to is a link."""
    text = escape(json.dumps(value, indent=2, ensure_ascii=False))
    return _REFERENCE.sub(r'&quot;<a href="#\1">\1</a>&quot;', text)


def _text(text: str) -> str:
    """Words with `code` in them."""
    return _CODE.sub(r"<code>\1</code>", escape(text))
