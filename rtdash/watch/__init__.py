"""Live view of channels in the terminal."""
