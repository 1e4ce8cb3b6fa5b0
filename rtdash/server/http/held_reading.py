"""Reading of a connection that stays paused while requests wait on it."""

from uvicorn.protocols.http.flow_control import FlowControl


class HeldReading(FlowControl):
    """Flow control that `hold` pauses until `release`.

    uvicorn resumes reading by itself whenever an application asks for more of a body, and behind
    each answer: what comes then would be added to what waits already.
    """

    is_held = False

    def hold(self) -> None:
        """Read nothing more. Idempotent."""
        self.is_held = True
        self.pause_reading()

    def release(self) -> None:
        """Read on."""
        self.is_held = False
        self.resume_reading()

    def resume_reading(self) -> None:
        """Read on, unless held."""
        if not self.is_held:
            super().resume_reading()
