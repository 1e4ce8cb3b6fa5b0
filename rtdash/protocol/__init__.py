"""Messages of the wire, and the sans-I/O state machines of both ends."""
