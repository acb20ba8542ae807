# SPDX-License-Identifier: Apache-2.0
"""Suricata's packet keywords -> a payload condition of ours.

Owns the reading of ``content`` (with ``offset``, ``depth``, ``distance``, ``within``), ``byte_test``,
``byte_jump`` with ``isdataat`` behind it, ``dsize``, ``flow`` and ports. A text that may stand
anywhere in a packet is refused: our comparisons stand at an offset.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from egresswatch.exchange.claims import Indicator, Refused
from egresswatch.exchange.suricata_payload import FLOW, FORMS
from egresswatch.rules import payload as payloads
from egresswatch.rules.model import PROTOS
from egresswatch.rules.shape import Bytes, Length, Number, Payload

Options = list[tuple[str, str | None]]
PROTO = {"tcp": "tcp", "tcp-pkt": "tcp", "tcp-stream": "", "udp": "udp"}
STATES = ("established", "stateless", "only_stream", "no_stream")
SENDERS = {word.removeprefix("flow:"): sender for sender, word in FLOW.items()}
SENDERS |= {"from_client": SENDERS["to_server"], "from_server": SENDERS["to_client"]}
LONGEST = 65535
_NUMBER = r"(?:0x[0-9A-Fa-f]{1,8}|\d{1,10})"
_TEST = re.compile(
    rf"(\d)\s*,\s*(=|>=|<=|>|<)\s*,\s*({_NUMBER})\s*,\s*(\d{{1,4}})((?:\s*,\s*(?:big|little|bitmask\s+{_NUMBER}))*)"
)
_JUMP = re.compile(r"(\d)\s*,\s*(\d{1,4})((?:\s*,\s*(?:big|little))*)\s*,\s*post_offset\s+(-?\d{1,5})")
_SIZE = re.compile(r"(?:(\d{1,5})\s*<>\s*(\d{1,5})|([<>]?=?)\s*(\d{1,5}))")


@dataclass(slots=True)
class _Content:
    value: bytes
    offset: int | None = None
    depth: int | None = None
    distance: int | None = None
    within: int | None = None


@dataclass(slots=True)
class _State:
    contents: list[_Content] = field(default_factory=list)
    cells: list[Bytes] = field(default_factory=list)
    numbers: list[Number] = field(default_factory=list)
    length: Length | None = None
    low: int = 0
    high: int = 0
    sender: int = 0
    jumped: bool = False


def payload(proto: str, ports: tuple[str, str], options: Options) -> Indicator:
    """The condition as an indicator; Refused when our grammar cannot say it."""
    if not PROTO.get(proto):
        raise Refused(f'protocol "{proto}" together with a payload')
    state = _State()
    for option, value in options:
        _read(state, option, value or "")
    if state.jumped:
        raise Refused("a jump whose target is not the end of the packet")
    bytes_ = [*_placed(state.contents), *state.cells]
    if not bytes_:
        raise Refused("no bytes at a place of their own")
    return Indicator("payload", payload=Payload(
        proto=PROTOS[PROTO[proto]],
        ports=_ports(ports),
        bytes=tuple(sorted(bytes_, key=lambda item: item.at)),
        length=state.length,
        min_len=state.low,
        max_len=state.high,
        sender=state.sender,
        numbers=tuple(state.numbers),
    ))  # fmt: skip


def text(value: str) -> str:
    """The text of a ``content`` for a buffer."""
    return _data(value).decode("utf-8", "replace")


def _data(value: str) -> bytes:
    if value.startswith("!"):
        raise Refused("a text that must not be there")
    inner = value.strip().strip('"')
    data = bytearray()
    for position, piece in enumerate(inner.split("|")):
        if position % 2:
            if not re.fullmatch(r"(?:[0-9A-Fa-f]{2}\s*)*", piece):
                raise Refused("a content with broken hex")
            data += bytes.fromhex(piece)
        else:
            data += re.sub(r"\\(.)", r"\1", piece).encode()
    if not data:
        raise Refused("an empty content")
    return bytes(data)


def _read(state: _State, option: str, value: str) -> None:
    """One option into the state; Refused for what has no counterpart."""
    if option == "content":
        state.contents.append(_Content(_data(value)))
    elif option in ("offset", "depth", "distance", "within"):
        if not state.contents or not re.fullmatch(r"-?\d{1,5}", value):
            raise Refused(f'"{option}" that is not a number behind a content')
        setattr(state.contents[-1], option, int(value))
    elif option == "startswith" and state.contents:
        state.contents[-1] = replace(state.contents[-1], offset=0, depth=len(state.contents[-1].value))
    elif option == "byte_test":
        _test(state, value)
    elif option == "byte_jump":
        _jump(state, value)
    elif option == "isdataat" and value == "!2,relative" and state.jumped:
        state.jumped = False
    elif option == "isdataat" and value.isdigit():
        state.low = max(state.low, int(value) + 1)
    elif option == "dsize":
        _size(state, value)
    elif option == "flow":
        words = [word.strip() for word in value.split(",")]
        state.sender = next((SENDERS[word] for word in words if word in SENDERS), 0)
        if any(word not in SENDERS and word not in STATES for word in words):
            raise Refused(f'flow "{value}" is not known')
    else:
        raise Refused(f'option "{option}" is not known')


def _test(state: _State, value: str) -> None:
    found = _TEST.fullmatch(value.strip())
    if found is None:
        raise Refused("a byte_test of a form that is not known")
    size, sign, limit, at = int(found[1]), found[2], int(found[3], 0), int(found[4])
    extras = found[5]
    mask = re.search(r"bitmask\s+(\S+)", extras.replace(",", " "))
    if mask is not None:
        bits = int(mask[1], 0)
        shift = (bits & -bits).bit_length() - 1 if bits else 0
        if size != 1 or sign != "=" or not 0 < bits < 256 or limit << shift & ~bits:
            raise Refused("a byte_test with a bitmask that is not one byte's")
        state.cells.append(Bytes(at, bytes((limit << shift,)), bytes((bits,))))
        return
    form = _form(size, little="little" in extras)
    top = (1 << 8 * size) - 1
    low, high = _between(sign, limit, top)
    state.numbers.append(_narrowed(state, Number(form, at, low, min(high, top))))


def _between(sign: str, limit: int, top: int) -> tuple[int, int]:
    """The smallest and the largest number that a comparison lets through."""
    return {
        "=": (limit, limit), ">=": (limit, top), ">": (limit + 1, top), "<=": (0, limit), "<": (0, limit - 1),
    }[sign]  # fmt: skip


def _narrowed(state: _State, new: Number) -> Number:
    """Two tests of the same number are one with both limits."""
    for item in state.numbers:
        if (item.form, item.at) == (new.form, new.at):
            state.numbers.remove(item)
            new = replace(new, low=max(new.low, item.low), high=min(new.high, item.high))
            break
    if new.low > new.high:
        raise Refused("a byte_test that nothing meets")
    return new


def _form(size: int, *, little: bool) -> str:
    for form, (width, order) in FORMS.items():
        if width == size and (order == little or size == 1):
            return form
    raise Refused(f"a number of {size} bytes")


def _jump(state: _State, value: str) -> None:
    found = _JUMP.fullmatch(value.strip())
    if found is None or state.length is not None:
        raise Refused("a byte_jump of a form that is not known")
    size, at, back = int(found[1]), int(found[2]), int(found[4])
    state.length = Length(_form(size, little="little" in found[3]), at, back + at + size + 1)
    state.jumped = True


def _size(state: _State, value: str) -> None:
    found = _SIZE.fullmatch(value.strip())
    if found is None:
        raise Refused("a dsize of a form that is not known")
    if found[1]:
        low, high = int(found[1]) + 1, int(found[2]) - 1
    else:
        low, high = _between(found[3] or "=", int(found[4]), LONGEST)
    if not 0 < high <= LONGEST or high < low:
        raise Refused("a dsize that no packet with a payload meets")
    state.low = max(state.low, low)
    state.high = 0 if high == LONGEST else high


def _placed(contents: list[_Content]) -> list[Bytes]:
    """Contents at their offsets, a relative one behind the one before it."""
    placed: list[Bytes] = []
    end = 0
    for item in contents:
        size = len(item.value)
        if item.distance is not None or item.within is not None:
            at = end + (item.distance or 0)
            if not placed or item.within != size:
                raise Refused("a content that may stand at several places")
        elif item.depth == size:
            at = item.offset or 0
        else:
            raise Refused("a content that may stand at several places")
        if not 0 <= at <= payloads.MAX_OFFSET:
            raise Refused("a content too far into the packet")
        placed.append(Bytes(at, item.value, b"\xff" * size))
        end = at + size
    return placed


def _ports(sides: tuple[str, str]) -> tuple[int, ...]:
    given = [side for side in sides if side != "any"]
    if len(given) > 1:
        raise Refused("ports on both sides")
    found = []
    for text_ in given[0].strip("[]").split(",") if given else ():
        if not re.fullmatch(r"\d{1,5}", text_.strip()) or not 0 < int(text_) < 65536:
            raise Refused("a port that is a range, a variable or negated")
        found.append(int(text_))
    return tuple(found)
