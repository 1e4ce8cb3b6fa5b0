"""REST edge: rights, bodies, answers and problems; the endpoints are in routers."""
