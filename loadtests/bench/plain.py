"""Servers that rtdash is compared with, on the same uvicorn: FastAPI's plain loop over its sockets, and a
bare ASGI function.

python plain.py loop|bare PORT [SECRET]
"""

import sys
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


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """200 and a few bytes to whatever is asked."""
    if scope["type"] == "http":
        await receive()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    app = bare if sys.argv[1] == "bare" else plain_loop(sys.argv[3])
    lifespan = "off" if app is bare else "on"
    uvicorn.run(
        app,
        port=int(sys.argv[2]),
        log_level="warning",
        access_log=False,
        ws_per_message_deflate=False,
        lifespan=lifespan,
    )
