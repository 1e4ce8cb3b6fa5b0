"""The common frame of a client, read in one step: what is taken is what the library's parser makes
of it, and everything else is left to that.
"""

import random
from collections.abc import Iterator

import pytest
from websockets.frames import Frame, Opcode

from rtdash.protocol.client_frames import PONG, TEXT, new_parser, parse_whole

LENGTHS = (0, 1, 3, 4, 5, 124, 125, 126, 127, 300, 65_535)
FIRST = {Opcode.TEXT: TEXT, Opcode.PONG: PONG}


def parsed(data: bytes) -> list[Frame]:
    """The frames that the library's parser finds."""
    parser = new_parser((), 0)
    parser.receive_data(data)
    return [event for event in parser.events_received() if isinstance(event, Frame)]


def frame(opcode: Opcode, payload: bytes, *, fin: bool = True) -> bytes:
    """As a client sends it, with a random mask."""
    return Frame(opcode, payload, fin).serialize(mask=True)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_whole_text_is_read(length: int) -> None:
    """Of any length that 16 bits can say, with whatever mask."""
    payload = random.Random(length).randbytes(length)
    for _ in range(5):
        assert parse_whole(frame(Opcode.TEXT, payload), 0) == (TEXT, payload)


@pytest.mark.parametrize("length", [0, 8, 125])
def test_a_whole_pong_is_read(length: int) -> None:
    """Control frames have at most 125 bytes."""
    payload = bytes(range(length))
    assert parse_whole(frame(Opcode.PONG, payload), 0) == (PONG, payload)


def test_a_message_above_the_limit_is_not() -> None:
    """The parser refuses it, with its code."""
    assert parse_whole(frame(Opcode.TEXT, bytes(200)), 200) is not None
    assert parse_whole(frame(Opcode.TEXT, bytes(201)), 200) is None


def others() -> Iterator[bytes]:
    """Everything that is no common frame."""
    text = frame(Opcode.TEXT, b"subscribe")
    yield from (text[:size] for size in range(len(text)))
    long = frame(Opcode.TEXT, bytes(200))
    yield from (long[:size] for size in range(len(long)))
    yield text + b"\x81"
    yield text + text
    yield from (frame(opcode, b"x") for opcode in Opcode if opcode not in FIRST)
    yield frame(Opcode.TEXT, b"x", fin=False)
    yield Frame(Opcode.TEXT, b"unmasked").serialize(mask=False)
    yield Frame(Opcode.TEXT, bytes(200)).serialize(mask=False)
    yield from (bytes((text[0] | bit,)) + text[1:] for bit in (0x40, 0x20, 0x10))
    yield frame(Opcode.TEXT, bytes(65_536))
    yield b"\x81\xfe\x00\x05" + bytes(4) + b"short"  # a length in more bytes than it needs
    yield b"\x8a\xfe\x00\x7e" + bytes(4 + 126)  # a pong that is too long


def test_everything_else_is_left_to_the_parser() -> None:
    """Also where it begins like a common frame."""
    tried = list(others())
    assert len(tried) > 200
    assert [data.hex() for data in tried if parse_whole(data, 0) is not None] == []


def test_what_is_taken_is_what_the_parser_reads() -> None:
    """Of random bytes around common frames, cut and flipped anywhere."""
    rng = random.Random(7)
    taken = 0
    for _ in range(20_000):
        opcode = rng.choice((Opcode.TEXT, Opcode.PONG))
        length = rng.choice(LENGTHS[:9] if opcode is Opcode.TEXT else LENGTHS[:7])
        data = bytearray(frame(opcode, rng.randbytes(length)))
        for _ in range(rng.randrange(3)):
            data[rng.randrange(min(len(data), 8))] = rng.randrange(256)
        del data[rng.choice((len(data), rng.randrange(len(data)))) :]
        whole = parse_whole(bytes(data), 0)
        if whole is not None:
            taken += 1
            (found,) = parsed(bytes(data))
            assert (FIRST[found.opcode], found.fin) == (whole[0], True)
            assert bytes(found.data) == whole[1]
    assert taken > 1_000
