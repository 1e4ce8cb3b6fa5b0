"""uvicorn's HTTP protocol with bounds on what a peer may take."""
