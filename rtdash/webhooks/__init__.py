"""Webhooks out: the events of a stream, delivered in order and at least once to an HTTP receiver."""

from rtdash.webhooks.webhook_senders import WebhookSenders

__all__ = ["WebhookSenders"]
