"""The WebSocket edge: the way in, the two lanes, one connection's input, output and time, and what
its client says.
"""
