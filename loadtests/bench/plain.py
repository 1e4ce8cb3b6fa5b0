"""Servers that rtdash is compared with, on the same uvicorn: FastAPI's plain loop over its sockets, and a
bare ASGI function.

python plain.py loop|bare PORT [SECRET [FILE]]
"""

import sys
from pathlib import Path
from typing import Any

import jwt
import uvicorn
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect

BODY = b'{"venue":"harbour-hotel","stats":' + b'"0123456789"' * 25 + b"}"


def plain_loop(secret: str) -> FastAPI:
    """Accept, check the token, keep the socket in a set; send each message to each of them in
    turn.
    """
    app = FastAPI()
    sockets: set[WebSocket] = set()

    @app.websocket("/ws")
    async def follow(websocket: WebSocket, token: str) -> None:
        jwt.decode(token, secret, algorithms=["HS256"])
        await websocket.accept()
        try:
            while True:
                await websocket.receive_text()
                sockets.add(websocket)
                await websocket.send_text('{"status":"subscribed"}')
        except WebSocketDisconnect:
            sockets.discard(websocket)

    @app.post("/publish")
    async def publish(request: Request) -> dict[str, int]:
        text = (await request.body()).decode()
        for socket in tuple(sockets):
            await socket.send_text(text)
        return {"sent": len(sockets)}

    return app


class Bare:
    """ASGI function that gives 200 and the same bytes to every request."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        length = (b"content-length", b"%d" % len(body))
        self._headers = [(b"content-type", b"application/json"), length]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            await receive()
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            await send({"type": "http.response.body", "body": self._body})


if __name__ == "__main__":
    is_bare = sys.argv[1] == "bare"
    body = Path(sys.argv[4]).read_bytes() if len(sys.argv) > 4 else BODY
    app = Bare(body) if is_bare else plain_loop(sys.argv[3])
    lifespan = "off" if is_bare else "on"
    uvicorn.run(
        app,
        port=int(sys.argv[2]),
        log_level="warning",
        access_log=False,
        ws_per_message_deflate=False,
        lifespan=lifespan,
    )
