"""Paint latency: what the machine lacks is said, and frames are matched with operations."""

from types import SimpleNamespace
from typing import Any

import pytest

from rtdash.loadtest.generator import paint_probe
from rtdash.loadtest.generator.booking_model import BookingModel
from rtdash.loadtest.generator.message_reader import operation_id
from rtdash.loadtest.generator.paint_probe import Paint, PaintProbe, why_no_browser
from rtdash.loadtest.plan.scenario import Phase
from rtdash.loadtest.run.painting import match_paints
from rtdash.loadtest.verdict.observations import Observations
from rtdash.protocol.channels import Channel, Stream

STREAM = Stream("r", Channel.RESTAURANT_RESERVATIONS)


@pytest.mark.parametrize(
    ("spec", "program", "reason"),
    [(None, "x", "playwright"), (object(), None, "Chromium"), (object(), "x", None)],
)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, spec: object, program: str | None, reason: str | None
):
    """The extra, or the browser; the first with what to type."""
    monkeypatch.setattr(paint_probe, "find_spec", lambda _: spec)
    monkeypatch.setattr(paint_probe.shutil, "which", lambda _: program)
    told = why_no_browser()
    assert (told is None) if reason is None else (reason in str(told))


def parts(paints: list[Paint]) -> tuple[PaintProbe, Any]:
    """A probe that saw those frames of one booking, made at 100 s of the clock."""
    model = BookingModel()
    operation = {"operationId": operation_id("run", "p.1", 100.0), "op": "book", "guests": 2}
    model.acknowledge(operation, "x1")
    shown = {"id": "x1", "guests": 2, "status": "Confirmed", "version": 1, "date": "d"}
    event = {"type": "new_reservation", "seq": 1, "reservation": shown}
    model.check_event(STREAM, event | {"operationId": operation["operationId"]})
    observations = Observations(Phase(name="p", duration_s=1, dashboards=1), "run", [], {})
    observations.began_at = 99
    probe = PaintProbe("http://x", "code")
    probe.paints = paints
    publisher = SimpleNamespace(model=model)
    return probe, SimpleNamespace(observations=observations, publisher=publisher)


def test_a_frame_is_timed_from_the_instant_of_its_operation():
    """Versions that the run didn't make say nothing."""
    told = parts([Paint("x1", 1, 100.25), Paint("x1", 2, 101.0), Paint("other", 1, 100.0)])
    match_paints(*told)
    assert told[1].observations.paint.count == 1
    assert told[1].observations.paint.max_s == pytest.approx(0.25)
    assert told[1].observations.notes == []


def test_a_page_that_shows_nothing_is_said():
    """And why, when the browser says why."""
    told = parts([])
    match_paints(*told)
    assert "the page showed no change" in told[1].observations.notes[0]
    probe, others = parts([])
    probe.failure = "crashed"
    match_paints(probe, others)
    assert "crashed" in others.observations.notes[0]
