"""The Python client that people build on: live channels with resume, and the REST side."""
