"""Plays a script of fixtures/client against a reconnect machine: the client's own, or one around
it.
"""

import json

from rtdash.client import Timing
from rtdash.client import connection_events as events
from rtdash.protocol.channels import Position
from rtdash.protocol.client_session import ClientSession
from rtdash.protocol.received import Message
from rtdash.resources import data_path

SCRIPTS = sorted(data_path("fixtures", "client").glob("*.json"))


class FixedRandom:
    """A random source that gives the same share each time."""

    def __init__(self, share):
        self._share = share

    def uniform(self, low, high):
        """Return a fixed share of the range."""
        return low + (high - low) * self._share


class Player:
    """A machine under a script's clock, in milliseconds outside, in seconds inside. `make` takes a
    session and the arguments of a Reconnector.
    """

    def __init__(self, make, options):
        positions = {
            channel: Position(**one) for channel, one in options.get("positions", {}).items()
        }
        session = ClientSession(
            options.get("channels", ["restaurant_reservations"]),
            venue=options.get("venue", "harbour-grill"),
            positions=positions,
        )
        self.machine = make(
            session,
            timing=Timing(),
            rng=FixedRandom(options.get("random", 0.5)),
            is_renewable=options.get("token") != "fixed",
            leaves_when_hidden=options.get("hidden") != "stay",
        )
        self.request = self.attempt = self.round = 0

    def play(self, step):
        """What is done because of a step, and of the time that went by before it."""
        at, done = step["at"] / 1000, []
        while (
            not step.get("slept")
            and self.machine.due_at is not None
            and self.machine.due_at < at - 1e-6
        ):
            done += self.machine.handle(self.machine.due_at, events.Due())
            self._note(done)
        done += self.machine.handle(at, self._event(step))
        self._note(done)
        return [written(action) for action in done]

    def _note(self, done):
        for action in done:
            match action:
                case events.AskToken(request):
                    self.request = request
                case events.Open(attempt=attempt):
                    self.attempt = attempt
                case events.Poll(round=number):
                    self.round = number

    def _event(self, step):  # noqa: C901  # one case a step
        old = step.get("old", 0)
        attempt = self.attempt - old
        match step:
            case {"start": _}:
                return events.Start()
            case {"stop": _}:
                return events.Stop()
            case {"token": token}:
                return events.TokenCame(self.request - old, token)
            case {"no_token": reason}:
                return events.NoToken(self.request - old, reason)
            case {"open": _}:
                return events.Opened(attempt)
            case {"hear": message}:
                return events.Heard(attempt, json.dumps(message))
            case {"close": code}:
                return events.Closed(attempt, code, step.get("reason", ""))
            case {"wake": by}:
                return events.Wake(by)
            case {"overflow": _}:
                return events.Overflow()
            case {"polled": told}:
                return events.Polled(
                    self.round - old,
                    told.get("failure"),
                    told.get("refused", False),
                    told.get("retryAfterMs", 0) / 1000,
                )
            case _:
                return events.Due()


def written(action):  # noqa: C901  # one case an action
    """An action as the scripts write it."""
    match action:
        case events.AskToken():
            return {"token": True}
        case events.Open(token=token):
            return {"open": token}
        case events.Send(text):
            return {"send": json.loads(text)}
        case events.SendPing():
            return {"send": {"action": "ping"}}
        case events.Drop():
            return {"drop": True}
        case events.Deliver(Message(body=body)):
            return {"deliver": body}
        case events.Deliver(subscribed):
            return {"subscribed": [stream.channel for stream in subscribed.streams]}
        case events.Poll(with_stats=with_stats):
            return {"poll": "all" if with_stats else "lists"}
        case events.StopPolling():
            return {"stop_polling": True}
        case events.Latency(seconds):
            return {"latency": round(seconds * 1000)}
        case events.Show(state, detail, retry_in_s, code):
            retry = None if retry_in_s is None else round(retry_in_s * 1000)
            told = {"state": state, "detail": detail, "retryInMs": retry, "code": code}
            return {name: value for name, value in told.items() if value is not None}
    raise AssertionError(action)


def matches(pattern, value):
    """Whether the value has everything that the pattern names."""
    if isinstance(pattern, dict) and isinstance(value, dict):
        return all(name in value and matches(one, value[name]) for name, one in pattern.items())
    if isinstance(pattern, list) and isinstance(value, list):
        return len(pattern) == len(value) and all(map(matches, pattern, value))
    return pattern == value


def assert_obeys(make, path):
    """Every action of every step of a script, in its order."""
    script = json.loads(path.read_text())
    player = Player(make, script.get("options", {}))
    for step in script["steps"]:
        done = player.play(step)
        assert matches(step["expect"], done), f"{step}\ncame: {done}"
