"""The REST edge: who may ask, what bodies say, how answers and problems look; the endpoints are in
routers.
"""
