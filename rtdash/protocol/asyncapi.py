"""The AsyncAPI 3 document of the socket, generated from the message models
(https://www.asyncapi.com/docs/reference/specification/v3.0.0).
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from rtdash import __version__
from rtdash.protocol import dialogue, models
from rtdash.protocol.channels import Channel

Document = dict[str, Any]

_SOCKET = {"$ref": "#/channels/socket"}


def asyncapi_document(examples: Mapping[str, Document] | None = None) -> Document:
    """Return the document: one channel, the socket; an operation for each action with its answers,
    and one for each channel of the requirements. `examples` are messages by their type.
    """
    shown = examples or {}
    messages: tuple[type[BaseModel], ...] = (
        *models.CHANNEL_MESSAGES,
        *models.CONNECTION_MESSAGES,
        *dialogue.ANSWERS.values(),
        dialogue.Error,
        *dialogue.ANSWERS,
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "rtdash",
            "license": {"name": "MIT"},
            "version": __version__,
            "description": (
                "The WebSocket of rtdash, protocol version 1: text frames, one JSON object each."
                " REST is described in /openapi.json."
            ),
        },
        "defaultContentType": "application/json",
        "servers": {
            "rtdash": {
                "host": "{host}",
                "protocol": "ws",
                "description": "The server that gave this document; wss behind TLS.",
                "variables": {"host": {"default": "localhost:8000"}},
                "security": [{"$ref": "#/components/securitySchemes/token"}],
            }
        },
        "channels": {"socket": _socket(messages)},
        "operations": _operations(),
        "components": {
            "messages": {model.__name__: _message(model, shown) for model in messages},
            "schemas": _schemas(messages),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _socket(messages: tuple[type[BaseModel], ...]) -> Document:
    return {
        "address": "/ws",
        "title": "The socket",
        "messages": {
            model.__name__: {"$ref": f"#/components/messages/{model.__name__}"}
            for model in messages
        },
        "bindings": {
            "ws": {
                "method": "GET",
                "query": {
                    "type": "object",
                    "properties": {
                        "token": {
                            "type": "string",
                            "description": (
                                "A JWT; or as Authorization: Bearer, or as the subprotocol"
                                " bearer.<token>"
                            ),
                        },
                        "session": {"type": "string", "description": "Resume this session at once"},
                    },
                },
            }
        },
    }


def _operations() -> Document:
    """Return the operations: `receive` is what the server takes, `send` what it sends."""
    operations: Document = {}
    for asked, answer in dialogue.ANSWERS.items():
        name = _wire_name(asked)
        reply = {"channel": _SOCKET, "messages": _refs(answer, dialogue.Error)}
        operations[name] = {
            "action": "receive",
            "channel": _SOCKET,
            "summary": " ".join((asked.__doc__ or "").split()),
            "messages": _refs(asked),
            "reply": reply,
        }
    for channel in Channel:
        carried = (model for model in models.CHANNEL_MESSAGES if channel in _channels_of(model))
        operations[channel.value] = {
            "action": "send",
            "channel": _SOCKET,
            "summary": f"What subscribers of {channel} get; a token needs {channel.read_scope}.",
            "messages": _refs(*carried),
        }
    operations["connection"] = {
        "action": "send",
        "channel": _SOCKET,
        "summary": "What concerns the connection.",
        "messages": _refs(*models.CONNECTION_MESSAGES),
    }
    return operations


def _message(model: type[BaseModel], examples: Mapping[str, Document]) -> Document:
    name = _wire_name(model)
    message: Document = {
        "name": name,
        "summary": " ".join((model.__doc__ or "").split()),
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
    }
    if name in examples:
        message["examples"] = [{"name": name, "payload": examples[name]}]
    return message


def _schemas(messages: tuple[type[BaseModel], ...]) -> Document:
    _, schema = models_json_schema(
        [(model, "validation") for model in messages], ref_template="#/components/schemas/{model}"
    )
    return {name: _tidy(one) for name, one in schema["$defs"].items()}


def _tidy(schema: Any) -> Any:
    """Return the schema in the form that generators of code read best.

    It has no titles of single fields (pydantic's own), `discriminator` as AsyncAPI has it (a
    property's name), and what may be left out as optional, not null, since it never is null on the
    wire.
    """
    if isinstance(schema, list):
        return [_tidy(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {name: _tidy(part) for name, part in schema.items() if name != "properties"}
    if isinstance(tidy.get("discriminator"), dict):
        tidy["discriminator"] = tidy["discriminator"]["propertyName"]
    if "properties" in schema:
        tidy["properties"] = {
            name: _tidy(_without_null(part)) for name, part in schema["properties"].items()
        }
    return {name: part for name, part in tidy.items() if name != "title"}


def _without_null(schema: Document) -> Document:
    if schema.get("default", ...) is not None:
        return schema
    present = [part for part in schema["anyOf"] if part != {"type": "null"}]
    rest = {name: part for name, part in schema.items() if name not in {"anyOf", "default"}}
    return {**present[0], **rest} if len(present) == 1 else {"anyOf": present, **rest}


def _refs(*messages: type[BaseModel]) -> list[Document]:
    return [{"$ref": f"#/channels/socket/messages/{model.__name__}"} for model in messages]


def _wire_name(model: type[BaseModel]) -> str:
    """Return the constant by which the message is known: its action, type or status."""
    annotations = (
        field.annotation
        for name in ("action", "type", "status")
        if (field := model.model_fields.get(name))
    )
    return str(
        next(
            get_args(annotation)[0]
            for annotation in annotations
            if get_origin(annotation) is Literal
        )
    )


def _channels_of(model: type[BaseModel]) -> tuple[Any, ...]:
    """Return the channels that carry the message."""
    return get_args(model.model_fields["channel"].annotation) or tuple(Channel)
