# SPDX-License-Identifier: Apache-2.0
"""Spoils captures: frames (what a hostile host or a broken mirror sends) and the bytes of the file.

A mutation is a function (dice, frames) -> frames. The dice are seeded: a number names a case for good.
"""

import random
import struct
from pathlib import Path
from typing import NamedTuple

from link_twin import READERS

from egresswatch.demo.frames import NS
from egresswatch.source import open_replay


class Raw(NamedTuple):
    """A frame as a capture holds it."""

    ts: int
    data: bytes
    link: int = 1
    wire: int = 0


LINK_TYPES = sorted({*READERS, 192, 6, 147, 65535})
EXTREMES = (0, 1, 5, 19, 20, 21, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF)
LAST = (2**32 - 1) * NS
TIMES = (0, 1, NS - 1, LAST, LAST + NS - 1, 1_700_000_000 * NS)
MOST = 4000


def frames_of(path: Path) -> list[Raw]:
    """All frames of a capture."""
    source = open_replay([str(path)])
    out = []
    for batch in source.batches():
        for k in range(len(batch)):
            at = int(batch.off[k])
            data = bytes(batch.data[at : at + int(batch.cap[k])])
            out.append(Raw(int(batch.ts[k]), data, int(batch.link[k]), int(batch.wire[k])))
    source.close()
    return out[:MOST]


def pcapng(frames: list[Raw]) -> bytes:
    """A capture with an interface (nanoseconds) for every link type."""
    def block(kind: int, body: bytes) -> bytes:
        body += b"\0" * (-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    links = sorted({frame.link for frame in frames})
    out = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
    out += [block(1, struct.pack("<HHIHHBxxxHH", link, 0, 0, 9, 1, 9, 0, 0)) for link in links]
    for ts, data, link, wire in frames:
        size = len(data), max(wire, len(data))
        head = struct.pack("<IIIII", links.index(link), ts >> 32, ts & 0xFFFFFFFF, *size)
        out.append(block(6, head + data))
    return b"".join(out)


# --- the mutations --------------------------------------------------------------------------------
def _some(dice: random.Random, frames: list[Raw], change) -> list[Raw]:
    """``change`` applied to a share of the frames."""
    share = dice.choice((0.05, 0.3, 1))
    return [change(frame) if frame.data and dice.random() < share else frame for frame in frames]


def flip(dice, frames):
    """Bits of headers, or anywhere."""
    reach = dice.choice((16, 64, 1 << 16))

    def change(frame):
        data = bytearray(frame.data)
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(min(reach, len(data)))] ^= 1 << dice.randrange(8)
        return frame._replace(data=bytes(data))

    return _some(dice, frames, change)


def lie(dice, frames):
    """16-bit fields that say what cannot be: lengths, offsets, ports, types."""
    def change(frame):
        data = bytearray(frame.data)
        at = dice.randrange(min(80, len(data)))
        data[at : at + 2] = struct.pack("!H", dice.choice(EXTREMES))
        return frame._replace(data=bytes(data))

    return _some(dice, frames, change)


def cut(dice, frames):
    """A snaplen of any size, the same for all or another each time."""
    snap = dice.randrange(120)

    def change(frame):
        size = dice.choice((snap, dice.randrange(len(frame.data) + 1)))
        return frame._replace(data=frame.data[:size], wire=max(frame.wire, len(frame.data)))

    return _some(dice, frames, change)


def grow(dice, frames):
    """A length on the wire that no wire has, or bytes behind the packet."""
    def change(frame):
        if dice.random() < 0.5:
            return frame._replace(wire=dice.choice((len(frame.data) + 1, 65536, 2**31, 2**32 - 1)))
        return frame._replace(data=frame.data + bytes(dice.randrange(200)))

    return _some(dice, frames, change)


def repeat(dice, frames):
    """Frames twice and more, near and far."""
    out = list(frames)
    for _ in range(dice.randint(1, 1 + len(frames) // 2)):
        frame = dice.choice(frames)
        later = frame._replace(ts=frame.ts + dice.choice((0, 1, 10**6, 10**9)))
        out.insert(dice.randrange(len(out) + 1), later)
    return out[:MOST]


def shuffle(dice, frames):
    """Neighbours or all of them in another order, times kept or not."""
    out = list(frames)
    if dice.random() < 0.5:
        dice.shuffle(out)
    else:
        for k in range(1, len(out)):
            if dice.random() < 0.3:
                out[k - 1], out[k] = out[k], out[k - 1]
    if dice.random() < 0.5:
        out = [frame._replace(ts=other.ts) for frame, other in zip(out, frames, strict=True)]
    return out


def time(dice, frames):
    """Clocks that stand, jump both ways, begin at nothing and end at the last second of 32 bits."""
    kind = dice.randrange(5)
    if kind == 0:
        return [frame._replace(ts=frames[0].ts) for frame in frames]
    if kind == 1:
        return _some(dice, frames, lambda frame: frame._replace(ts=dice.choice(TIMES)))
    if kind == 2:
        step = dice.choice((1, 10**3, NS, 61 * NS, 3601 * NS, 30 * 86400 * NS))
        return [frame._replace(ts=frames[0].ts + k * step) for k, frame in enumerate(frames)]
    if kind == 3:
        return [frame._replace(ts=min(LAST, max(0, 2 * frames[0].ts - frame.ts))) for frame in frames]
    jump = dice.choice((-1, 1)) * dice.choice((NS, 3600 * NS, 7 * 86400 * NS))
    half = dice.randrange(len(frames) + 1)
    return [f._replace(ts=max(0, f.ts + jump)) if k >= half else f for k, f in enumerate(frames)]


def link(dice, frames):
    """Link types that the frames do not have."""
    one = dice.choice(LINK_TYPES)
    each = dice.random() < 0.5
    return _some(dice, frames, lambda frame: frame._replace(link=dice.choice(LINK_TYPES) if each else one))


def tag(dice, frames):
    """Stacks of VLAN tags, up to dozens deep, other ones for each frame."""
    def change(frame):
        tags = b"".join(
            struct.pack("!HH", dice.choice((0x8100, 0x88A8, 0x9100)), dice.randrange(65536))
            for _ in range(dice.choice((1, 2, 3, 40)))
        )
        return frame._replace(data=frame.data[:12] + tags + frame.data[12:])

    return _some(dice, frames, change)


def piece(dice, frames):
    """Packets said to be pieces of others: overlapping, beyond the end, all with one number."""
    def change(frame):
        data = bytearray(frame.data)
        if len(data) >= 34 and data[12:14] == b"\x08\x00":
            data[18:20] = struct.pack("!H", dice.randrange(3))
            data[20:22] = struct.pack("!H", dice.choice((0, 0x2000)) | dice.choice((0, 1, 2, 3, 0x1FFF)))
        return frame._replace(data=bytes(data))

    return _some(dice, frames, change)


def sequence(dice, frames):
    """TCP numbers and flags that no stack would send."""
    def change(frame):
        data = bytearray(frame.data)
        if len(data) >= 54 and data[12:14] == b"\x08\x00" and data[23] == 6:
            data[38:42] = struct.pack("!I", dice.choice((0, 1, 2**31, 2**32 - 1, dice.getrandbits(32))))
            data[47] = dice.choice((0, 2, 4, 16, 17, 18, 20, 24, 63, 255))
        return frame._replace(data=bytes(data))

    return _some(dice, frames, change)


def wrap(dice, frames):
    """Every frame within a tunnel, several deep."""
    def outer(proto, body):
        head = struct.pack("!BBHHHBBH", 0x45, 0, min(65535, 20 + len(body)), 0, 0, 64, proto, 0)
        return bytes(12) + b"\x08\x00" + head + b"\xc0\0\2\1\xc0\0\2\2" + body

    def udp(port, body):
        return outer(17, struct.pack("!HHHH", port, port, min(65535, 8 + len(body)), 0) + body)

    makers = (
        lambda data: outer(47, b"\0\0\x65\x58" + data), lambda data: outer(47, b"\0\0\x88\xbe" + data),
        lambda data: udp(4789, b"\x08\0\0\0\0\0\1\0" + data), lambda data: udp(37008, b"\1\0\0\1\1" + data),
        lambda data: udp(6081, b"\0\0\x65\x58\0\0\1\0" + data), lambda data: outer(4, data[14:]),
        lambda data: outer(41, data[14:]), lambda data: udp(3544, data[14:]),
        lambda data: udp(2152, b"\x30\xff\0\0\0\0\0\1" + data[14:]),
    )  # fmt: skip

    def change(frame):
        data = frame.data
        for _ in range(dice.choice((1, 2, 12))):
            data = dice.choice(makers)(data)
        return frame._replace(data=data)

    return _some(dice, frames, change)


def payload(dice, frames):
    """Bytes behind the transport header changed, cut out, doubled."""
    def change(frame):
        data = frame.data
        if len(data) < 60:
            return frame
        at = dice.randrange(42, len(data))
        end = min(len(data), at + dice.choice((1, 2, 4, 50)))
        new = (b"", data[at:end] * 2, dice.randbytes(end - at), b"\xff" * (end - at), b"\xc0\x0c")
        middle = dice.choice(new)
        return frame._replace(data=data[:at] + middle + data[end:])

    return _some(dice, frames, change)


MUTATIONS = (
    flip, lie, cut, grow, repeat, shuffle, time, link, tag, piece, sequence, wrap, payload,
)  # fmt: skip


def spoil(seed: int, frames: list[Raw]) -> tuple[str, bytes]:
    """(what was done, the capture) of a case."""
    dice = random.Random(seed)
    done = []
    for _ in range(dice.choice((1, 1, 2, 3))):
        mutation = dice.choice(MUTATIONS)
        done.append(mutation.__name__)
        frames = mutation(dice, frames) if frames else frames
    data = pcapng(frames)
    if dice.random() < 0.2:
        done.append("file")
        data = spoil_file(dice, data)
    return " ".join(done), data


def spoil_file(dice: random.Random, data: bytes) -> bytes:
    """Bytes of the file itself flipped, cut off, doubled, or replaced by others of it."""
    out = bytearray(data)
    for _ in range(dice.randint(1, 8)):
        at, other = dice.randrange(len(out)), dice.randrange(len(out))
        size = dice.choice((1, 4, 16, 300))
        kind = dice.randrange(4)
        if kind == 0:
            out[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            out[at : at + size] = out[other : other + size]
        elif kind == 2:
            out[at : at + 4] = struct.pack("<I", dice.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1)))
        else:
            del out[at : at + size]
        if not out:
            return b""
    return bytes(out)
