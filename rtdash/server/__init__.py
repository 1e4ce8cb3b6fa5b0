"""The HTTP and WebSocket edge: wires the parts together and speaks REST and the socket protocol."""
