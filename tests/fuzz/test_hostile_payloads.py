# SPDX-License-Identifier: Apache-2.0
"""Payloads spoiled where they are read: no parser fails, and what it tells is printable and short.

Messages are those that the example (and the real captures, where they are) hand up; they reach the engine
bent, cut, joined, out of order, on other flows and for other parsers than the one that asked.
"""

import random
import time
import unicodedata
from itertools import count

import numpy as np
import pytest
from test_hostile_captures import herd  # noqa: F401 - a fixture

from egresswatch.config import load
from egresswatch.jit import DISABLED
from egresswatch.patterns import RECOGNISER_BASE, Parser
from egresswatch.pipeline.front import Front
from egresswatch.pipeline.notes import Addresses, sent
from egresswatch.pipeline.replay import _patterns, networks
from egresswatch.rules import load_tables
from egresswatch.rules.recogniser import Recognisers
from egresswatch.rules.site import load_site
from egresswatch.sniff.engine import Engine
from egresswatch.source import open_replay

ROUNDS = 10 if DISABLED else 60
HELLO = b"\x16\x03\x01\xff\xff\x01\xff\xff\xff"
ENDS = (b"", b"\0", b"\xff" * 9, b"\xc0\x0c", b"\r\n\r\n", HELLO, b"A" * 3000)
FLOWS = 40
RULES = load_tables([], True).recognisers
PARSERS = (*Parser, *range(RECOGNISER_BASE, RECOGNISER_BASE + len(RULES)))


@pytest.fixture(scope="module")
def patterns():
    return _patterns(load_tables([], True).patterns)


@pytest.fixture(scope="module")
def messages(herd, patterns, tmp_path_factory):  # noqa: F811
    """What is handed up of all the captures."""
    from hostile import pcapng

    path = tmp_path_factory.mktemp("all") / "all.pcapng"
    out = []
    seen = set()
    for frames in herd:
        if id(frames) in seen:
            continue
        seen.add(id(frames))
        path.write_bytes(pcapng(frames))
        small = load(None, ["flow.table_size=4096"])
        front = Front(small, patterns, networks(load_site(None)), between=False)
        source, addresses = open_replay([str(path)]), Addresses()
        seconds = [second for batch in source.batches() for second in front.feed(batch)]
        for second in (*seconds, *front.finish()):
            for block in second.notes:
                held = [(k, payload) for k, payload in enumerate(block.payloads) if payload is not None]
                rows = block.rows[[k for k, _ in held]]
                first = np.full(len(rows), block.first)
                out += [one.message for one in sent(rows, first, [data for _, data in held], addresses)]
        source.close()
    assert len(out) > 30
    return out


def bend(dice, m, other):
    """A message that nobody meant."""
    payload = m.payload
    for _ in range(dice.choice((0, 1, 1, 2, 5))):
        at = dice.randrange(len(payload) + 1)
        kind = dice.randrange(6)
        if kind == 0 and payload:
            at = min(at, len(payload) - 1)
            payload = payload[:at] + bytes([payload[at] ^ 1 << dice.randrange(8)]) + payload[at + 1 :]
        elif kind == 1:
            payload = payload[:at]
        elif kind == 2:
            payload = payload[:at] + dice.choice(ENDS) + payload[at:]
        elif kind == 3:
            payload = payload[:at] + other.payload[dice.randrange(len(other.payload) + 1) :]
        elif kind == 4:
            payload = payload[:at] + payload[at : at + 7] * dice.choice((2, 50))
        else:
            payload = payload[:at] + dice.randbytes(dice.randrange(9)) + payload[at + 4 :]
    payload = payload[:60000]
    changed = m._replace(payload=payload, length=len(payload) + dice.choice((0, 0, 0, 1, 1400)))
    if dice.random() < 0.2:
        changed = changed._replace(
            parser=dice.choice(PARSERS), start=dice.random() < 0.5, flow=dice.randrange(FLOWS),
            proto=dice.choice((6, 17)), frag_id=dice.randrange(3), frag_off=dice.choice((0, 8, 16, 65528)),
            frag_more=dice.random() < 0.5, seq=dice.choice((0, 1, m.seq, m.seq ^ 1 << 31, 2**32 - 1)),
        )  # fmt: skip
    return changed


def feed(engine, m):
    """Give a message, look at what comes out."""
    for item in engine.feed(m):
        for text, most in ((item.kind, 40), (item.value, 1020), (item.detail, 1100)):  # a name of 255 escapes
            assert isinstance(text, str)
            assert len(text) <= most, (item.kind, len(text))
            assert not any(_unsafe(character) for character in text), (item, m)


def _unsafe(character):
    """Controls, separators of lines, lone surrogates, changes of direction."""
    known = unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
    return known or "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"


def test_no_payload_makes_a_parser_fail(messages, patterns, budget):
    """parser_errors stays 0, and no flow keeps anything once it has ended."""
    until = time.monotonic() + budget / 2
    for number in count():
        if number >= ROUNDS and time.monotonic() >= until:
            break
        dice = random.Random(number)
        sizes = dice.choice(((65536, 32768), (1, 16), (3, 2000)))
        engine = Engine(*sizes, patterns, Recognisers(RULES, sizes[0]))
        begin = dice.randrange(len(messages))
        some = messages[begin : begin + 300] + dice.choices(messages, k=100)
        if dice.random() < 0.3:
            dice.shuffle(some)
        flows = set()
        for m in some:
            bent = bend(dice, m, dice.choice(messages))
            flows.add(bent.flow)
            feed(engine, bent)
        assert engine.shed["parser_errors"] == 0, f"round {number}"
        for flow in flows:
            engine.end(flow)
        assert engine.held == 0, f"round {number}"
