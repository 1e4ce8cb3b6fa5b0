"""The rules of hotels and restaurants: pure functions of values, without I/O, clock or
framework.
"""
