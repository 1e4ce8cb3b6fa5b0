"""/docs: the OpenAPI document for people, as one page that needs nothing else: no script, and
nothing from anywhere else.
"""

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_STYLE = """
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
summary{cursor:pointer;padding:.25rem 0}b{display:inline-block;min-width:4rem}code,pre,b{font-family:ui-monospace,monospace}
pre{overflow-x:auto;font-size:.85rem}table{border-collapse:collapse}td{padding:.15rem .9rem .15rem 0;vertical-align:top;border-bottom:1px solid #8884}
details{border-bottom:1px solid #8884}details>:not(summary){margin-left:1rem}
"""
_REFERENCE = re.compile(r"\{\s*&quot;\$ref&quot;: &quot;#/components/schemas/(\w+)&quot;\s*\}")


def reference_page(document: Mapping[str, Any]) -> bytes:
    """Each path with its methods, parameters, bodies and answers, then the schemas that they
    name.
    """
    title = f"{document['info']['title']} {document['info']['version']}"
    body = "".join(
        (
            f"<h1>{escape(title)}</h1><p>{escape(document['info']['description'])}</p>",
            (
                '<p>The same for programs: <a href="openapi.json">/openapi.json</a>, the socket:'
                ' <a href="asyncapi.json">/asyncapi.json</a>.</p>'
            ),
            "<h2>Endpoints</h2>",
            *(
                _operation(path, method, told)
                for path, methods in document["paths"].items()
                for method, told in methods.items()
            ),
            "<h2>Schemas</h2>",
            *(_schema(name, schema) for name, schema in document["components"]["schemas"].items()),
        )
    )
    head = (
        '<meta charset="utf-8"><meta name="viewport"'
        f' content="width=device-width"><title>{escape(title)}</title><style>{_STYLE}</style>'
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'.encode()
    )


def _operation(path: str, method: str, told: Mapping[str, Any]) -> str:
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code>"
        f" {escape(told.get('description', ''))}</summary>"
        f"<p>{'With a token.' if told.get('security') else 'No token is needed.'}</p>"
        f"{_table(_parameters(told))}{_body(told.get('requestBody', {}))}{_table(_answers(told))}</details>"
    )


def _parameters(told: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for one in told.get("parameters", ()):
        where = f"{one['in']}{', required' if one.get('required') else ''}"
        yield f"<code>{escape(one['name'])}</code>", where, escape(one.get("description", ""))


def _answers(told: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for status, answer in sorted(told["responses"].items()):
        kinds = "<br>".join(
            f"{escape(kind)}: {_code(content.get('schema', {}))}"
            for kind, content in answer.get("content", {}).items()
        )
        yield f"<code>{escape(status)}</code>", escape(answer["description"]), kinds


def _body(request: Mapping[str, Any]) -> str:
    return "".join(
        f"<p>Body, {escape(kind)}:</p><pre>{_code(content['schema'], indent=1)}</pre>"
        for kind, content in request.get("content", {}).items()
    )


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    return (
        "<details"
        f' id="{escape(name)}"><summary><code>{escape(name)}</code></summary><pre>{_code(schema, indent=1)}</pre></details>'
    )


def _table(rows: Iterator[tuple[str, str, str]]) -> str:
    return (
        "<table>"
        + "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
        + "</table>"
    )


def _code(schema: Mapping[str, Any], *, indent: int | None = None) -> str:
    """JSON; what it refers to is a link."""
    linked = _REFERENCE.sub(
        r'<a href="#\1">\1</a>', escape(json.dumps(schema, indent=indent, ensure_ascii=False))
    )
    return f"<code>{linked}</code>"
