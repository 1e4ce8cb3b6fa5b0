"""Frames that go straight to the socket, past its transport: whole, in order, and never into somebody else's."""

import asyncio
import os
import random
import socket
from collections.abc import Iterator

import pytest
from websockets.protocol import OPEN, SERVER, Protocol

from rtdash.domain.instants import utc_now
from rtdash.hub import Hub
from rtdash.protocol.channels import Channel, Stream
from rtdash.server.socket.fastlane import FastLink
from rtdash.server.socket.link import LinkRules
from rtdash.server.socket.outbox import Outbox
from rtdash.server.socket.straight import straight_send
from tests.server.sockets import PATIENCE_S

pytestmark = pytest.mark.anyio
STREAM = Stream("harbour-grill", Channel.RESTAURANT_RESERVATIONS)
RULES = LinkRules(message_limit_bytes=0, high_water_bytes=65_536, compress_min_bytes=512)
ROUNDS = 300


@pytest.fixture(params=["uvloop", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Each event loop: their transports differ."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection whose kernel buffers are small."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        with socket.socket() as theirs:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            theirs.connect(listener.getsockname())
            ours, _ = listener.accept()
            theirs.setblocking(False)
            with ours:
                yield ours, theirs


class Peer:
    """What stands behind a link here: an outbox that is paused and resumed as a connection's is, and counts how often."""

    def __init__(self) -> None:
        self.outbox: Outbox | None = None
        self.pauses = 0
        self.ended = asyncio.Event()

    def pause_writing(self) -> None:
        """The kernel takes no more."""
        assert self.outbox is not None
        self.pauses += 1
        self.outbox.pause()

    def resume_writing(self) -> None:
        """It does again."""
        assert self.outbox is not None
        self.outbox.resume()

    def lost(self) -> None:
        """The end."""
        assert self.outbox is not None
        self.outbox.close()
        self.ended.set()


async def _link(ours: socket.socket, hub: Hub) -> tuple[FastLink, Outbox, Peer]:
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    link, peer = FastLink(transport, Protocol(SERVER, state=OPEN), set(), RULES), Peer()
    peer.outbox = Outbox(link, hub, utc_now, 0, lambda: True)
    link.receiver = peer  # type: ignore[assignment] # as much of one as this needs
    transport.set_protocol(link)  # type: ignore[arg-type] # a protocol by its methods
    return link, peer.outbox, peer


def _hub() -> Hub:
    loop = asyncio.get_running_loop()
    return Hub(loop.call_soon, loop.call_later, loop.time)


async def test_frames_stay_whole_and_in_order_whatever_the_kernel_takes(pair: tuple[socket.socket, socket.socket]) -> None:
    """Flushes, answers and replays by turns, of all sizes, to one that reads by fits and starts."""
    ours, theirs = pair
    chance, hub = random.Random(11), _hub()
    link, outbox, peer = await _link(ours, hub)
    hub.track(STREAM, 0)
    hub.join(STREAM, outbox)
    written, seen, straight = bytearray(), bytearray(), 0
    try:
        for _ in range(ROUNDS):
            straight += outbox.write is not None
            written += _write(hub, outbox, chance)
            wanted = chance.choice((0, 0, 0, len(written) - len(seen)))
            seen += await _read(theirs, wanted)
        seen += await _read(theirs, len(written) - len(seen))
    finally:
        link.abort()
        await asyncio.wait_for(
            peer.ended.wait(), PATIENCE_S
        )  # a loop that is closed before its transport has ended may wait for it for ever
    assert seen == written
    assert min(straight, peer.pauses) > ROUNDS // 20, "both ways were taken"


def _write(hub: Hub, outbox: Outbox, chance: random.Random) -> bytes:
    """Hand over a few messages in one of the ways there are; how they are to arrive."""
    bodies = tuple(b"%d " % chance.randrange(10**9) * chance.choice((1, 20, 500)) for _ in range(chance.randint(1, 4)))
    parcel = hub.parcel(STREAM, hub.top(STREAM) + 1, bodies)
    match chance.randrange(4):
        case 0:
            outbox.send(bodies)
        case 1:
            outbox.replay(parcel)
        case _:
            hub.publish(STREAM, parcel.first_seq, bodies)
            hub.flush_now()
    return parcel.frames


async def test_who_has_ended_is_not_written_to(pair: tuple[socket.socket, socket.socket]) -> None:
    """The descriptor goes back to the kernel, and may be anybody's next: neither the link nor its outbox can reach it any more."""
    ours, _ = pair
    hub = _hub()
    link, outbox, peer = await _link(ours, hub)
    assert outbox.write is not None
    link.abort()
    await asyncio.wait_for(peer.ended.wait(), PATIENCE_S)
    assert (link.write, outbox.write) == (None, None)


async def test_a_borrowed_socket_is_never_closed(pair: tuple[socket.socket, socket.socket]) -> None:
    """Its owner does that: a transport that closed a descriptor for the second time would close a stranger's."""
    ours, theirs = pair
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    send = straight_send(transport)
    assert send is not None
    assert send(b"straight") == 8
    del send
    os.fstat(transport.get_extra_info("socket").fileno())
    transport.write(b" ahead")
    got = await _read(theirs, 14)
    assert got == b"straight ahead"
    transport.abort()


async def _read(theirs: socket.socket, wanted: int) -> bytes:
    """So many bytes, once they have come."""
    loop, got = asyncio.get_running_loop(), bytearray()
    async with asyncio.timeout(PATIENCE_S):
        while len(got) < wanted:
            got += await loop.sock_recv(theirs, wanted - len(got))
    return bytes(got)
