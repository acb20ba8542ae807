# SPDX-License-Identifier: Apache-2.0
"""The probe kernel against its slow twin sniff.probes.match, and what hand_up makes of its answer."""

import numpy as np
import pytest
from drive import T0, Shot
from flow_drive import run, settings
from hypothesis import given
from hypothesis import strategies as st
from scale import examples

from egresswatch.demo.frames import ACK, PSH, SYN, End, ethernet, ip, ipv4, tcp, udp
from egresswatch.flow.layout import N_CROSSING, N_HOST, N_NEAR, N_REPLY
from egresswatch.flow.probe import pattern_lists, probe
from egresswatch.packets import PF_MORE
from egresswatch.patterns import PATTERN, RECOGNISER_BASE, Parser
from egresswatch.sniff.probes import BUILTIN, match, row

CAM = End("02:00:00:00:00:01", "10.0.0.5", 40000)
OUT = End("02:00:00:00:00:02", "203.0.113.9", 443)
STARTS = (
    b"", b"GET / HTTP/1.1\r\n", b"RTSP/1.0 200 OK\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    b"\x00\x01\x00\x08\x21\x12\xa4\x42", b"\xc3\x00\x00\x00\x01", b"M-SEARCH * HTTP/1.1\r\n",
    b"\x10\x0e\x00\x04MQTT\x04", b"REGISTER sip:x", b"\xf1\x30\x00\x04", b"DHGET /x",
)  # fmt: skip
LISTS = pattern_lists(BUILTIN)
PATTERNS_OF_ONE = row(Parser.STUN, 17, b"\x40", mask1=b"\xc0")
PORTS = (0, 53, 67, 68, 1900, 3702, 5353, 32100, 40000)


def kernel_answer(patterns, proto, sport, dport, payload, length, before=b"", behind=b"", who=(0, 0)):
    """(built-in parser, recogniser) by the kernel, the payload lying between other bytes."""
    data = np.frombuffer(before + payload + behind or b"\0", np.uint8)
    starts, order = LISTS if patterns is BUILTIN else pattern_lists(patterns)
    found, recogniser, every = probe(
        data, np.int64(len(before)), np.int64(len(payload)), np.int64(length), np.int64(proto),
        np.int64(sport), np.int64(dport), *map(np.int64, who), patterns, starts, order,
    )  # fmt: skip
    return int(found), int(recogniser), int(every)


def twin_answer(patterns, proto, sport, dport, payload, length, who=(0, 0)):
    """The same by the plain matcher; every is that of the first row of the parser that fits."""
    hits = match(patterns, proto, sport, dport, payload, length, *who)
    builtin = next((p for p in hits if p < RECOGNISER_BASE), 0)
    recogniser = next((p for p in hits if p >= RECOGNISER_BASE), 0)
    every = 0
    for k in np.flatnonzero(patterns["parser"] == builtin):
        if builtin and match(patterns[k : k + 1], proto, sport, dport, payload, length, *who) == [builtin]:
            every = int(patterns[k]["every"])
            break
    return builtin, recogniser, every


def asking(who, pattern):
    """A row that asks for a sender and for numbers of the payload."""
    pattern["sender"], pattern["first"], pattern["last"] = who
    return pattern

PAYLOADS = st.builds(lambda start, rest: (start + rest)[:80], st.sampled_from(STARTS), st.binary(max_size=80))
ROWS = st.builds(
    lambda parser, proto, first, second, off1, off2, masks, sizes, port, every, rel, who: asking(who, row(
        parser, proto, first, second, off1=off1, off2=off2,
        mask1=masks[: len(first)].ljust(len(first), b"\xff"),
        mask2=masks[: len(second)].ljust(len(second), b"\xff"),
        min_len=sizes[0], max_len=sizes[1], port=port, every=every, rel=rel,
    )),
    st.sampled_from([3, 6, 9, RECOGNISER_BASE, RECOGNISER_BASE + 7]), st.sampled_from([6, 17]),
    st.binary(max_size=3) | st.sampled_from([s[:8] for s in STARTS]), st.binary(max_size=2),
    st.integers(0, 4), st.integers(0, 12), st.sampled_from([b"", b"\xf0", b"\xff\x00", b"\x00"]),
    st.tuples(st.sampled_from([0, 0, 4, 20]), st.sampled_from([0, 0, 30])), st.sampled_from([0, 0, 0, 53]),
    st.booleans(), st.sampled_from([(0, 0, 0)] * 4 + [(1, 2, 4), (2, 0, 0), (3, 1, -2), (4, 4, 8)]),
    st.sampled_from([(0, 0, 0)] * 4 + [(1, 0, 0), (2, 0, 0), (0, 1, 1), (0, 2, 16), (2, 1, 3)]),
)  # fmt: skip


@examples(500)
@given(st.sampled_from([6, 17]), st.sampled_from(PORTS), st.sampled_from(PORTS), PAYLOADS,
       st.integers(0, 40), st.binary(max_size=9))  # fmt: skip
def test_the_built_in_patterns(proto, sport, dport, payload, extra, around):
    """The kernel finds what the slow matcher finds, whatever lies around the payload."""
    asked = (BUILTIN, proto, sport, dport, payload, len(payload) + extra)
    want = twin_answer(*asked) if payload else (0, 0, 0)  # nothing captured: nothing to read
    assert kernel_answer(*asked) == want
    assert kernel_answer(*asked, before=around, behind=around + b"\xff" * 20) == want


@examples(500)
@given(st.lists(ROWS, min_size=1, max_size=6), st.sampled_from([6, 17]), st.sampled_from([1, 53]), PAYLOADS,
       st.integers(0, 6), st.sampled_from([(0, 0), (1, 1), (2, 1), (1, 4), (2, 16)]))  # fmt: skip
def test_random_patterns(rows, proto, port, payload, extra, who):
    """Masks, offsets, ports, lengths, length relations, senders and packet numbers of any rule pack."""
    asked = (np.concatenate(rows), proto, port, 2, payload, len(payload) + extra)
    assert kernel_answer(*asked, who=who) == (twin_answer(*asked, who=who) if payload else (0, 0, 0))


@pytest.mark.parametrize("rows", [BUILTIN, BUILTIN[::-3], PATTERNS_OF_ONE, np.zeros(0, PATTERN)])
def test_each_first_byte_has_the_patterns_that_can_fit_it(rows):
    """In the order of the table, by protocol and byte; what cannot fit is not tried; and without ports."""
    starts, order = pattern_lists(rows)
    for lane in range(512):
        proto, byte = (6, lane) if lane < 256 else (17, lane - 256)
        want = []
        for k, pattern in enumerate(rows):
            asked = [n for n in "12" if pattern["n" + n] and not pattern["off" + n]]
            tops = [(int(pattern["mask" + n]) >> 56, int(pattern["value" + n]) >> 56) for n in asked]
            if pattern["proto"] == proto and all(byte & mask == value for mask, value in tops):
                want.append(k)
        assert order[starts[lane] : starts[lane + 1]].tolist() == want
        free = order[starts[513 + lane] : starts[514 + lane]].tolist()
        assert free == [k for k in want if not rows[k]["port"]]


@pytest.mark.parametrize("rel", [(0, 0, 0), (1, 6, 6), (2, 6, 6), (3, 4, 6), (4, 4, 6)])
@pytest.mark.parametrize("size", range(1, 12))
def test_comparisons_reach_to_the_last_captured_byte_and_no_further(rel, size):
    """Each of both comparisons and the length relation, one byte short of it and with it."""
    payload = b"ab\0\0cd\0\2xyz"[:size]
    for first, second, off1, off2 in ((b"ab", b"cd", 0, 4), (b"ab", b"", 0, 0), (b"", b"xyz", 0, 8)):
        rows = row(Parser.STUN, 17, first, second, off1=off1, off2=off2, rel=rel)
        for length in (size, 8, 518):
            asked = (rows, 17, 1, 2, payload, length)
            assert kernel_answer(*asked, behind=b"ab\0\0cd\0\2xyz"[size:]) == twin_answer(*asked)


def test_a_table_without_patterns_finds_nothing():
    """Sniffing without rules and without built-in patterns."""
    assert kernel_answer(np.zeros(0, PATTERN), 6, 1, 2, b"GET / HTTP/1.1", 14) == (0, 0, 0)


# --- what is handed up ----------------------------------------------------------------------------
KNOCK = row(RECOGNISER_BASE + 3, 17, b"KNOCK")
PATTERNS = np.concatenate([
    row(Parser.STUN, 17, b"ONCE"), row(Parser.DNS, 17, port=53, every=True),
    row(Parser.HTTP, 6, b"GET ", every=True), row(Parser.TLS, 6, b"\x16\x03"), KNOCK,
])  # fmt: skip


def handed(shots, **given):
    """(frame, parser, recogniser, start, side's payload length) of every packet that goes up."""
    got = run(shots, settings(**given), patterns=PATTERNS)
    notes = sorted(got.notes, key=lambda n: n["index"])
    up = [n for n in notes if n["parser"] or n["recogniser"]]
    return [(n["index"], n["parser"], n["recogniser"], n["start"]) for n in up], got.tally


def dgram(payload, *, back=False, port=443, at=0):
    out = OUT._replace(port=port)
    src, dst = (out, CAM) if back else (CAM, out)
    return Shot(ethernet(src.mac, dst.mac, ip(src.addr, dst.addr, 17, udp(src, dst, payload))), T0 + at)


class Stream:
    """TCP segments of both sides with right numbers."""

    def __init__(self):
        self.next, self.at = [1, 1], 0

    def send(self, payload, *, back=False, skip=0, flags=PSH | ACK):
        src, dst = (OUT, CAM) if back else (CAM, OUT)
        self.next[back] += skip
        data = tcp(src, dst, payload, seq=self.next[back], ack=self.next[not back], flags=flags)
        self.next[back] += len(payload)
        self.at += 1000
        return Shot(ethernet(src.mac, dst.mac, ip(src.addr, dst.addr, 6, data)), T0 + self.at)


def test_a_datagram_that_matches_goes_up_and_its_neighbours_do_not():
    """UDP without ``every``: only the payload that matched."""
    up, tally = handed([dgram(b"noise"), dgram(b"ONCE more"), dgram(b"noise again")])
    assert (up, tally["handed_up"]) == ([(1, Parser.STUN, 0, 1)], 1)


def test_every_datagram_of_a_flow_that_asks_for_it():
    """DNS: all of both sides, long after the probes are spent."""
    shots = [dgram(b"q%03d" % k, back=k % 2 == 1, port=53, at=k) for k in range(100)]
    up, _ = handed(shots, probe_packets=2)
    assert up == [(k, Parser.DNS, 0, 1) for k in range(100)]


@pytest.mark.parametrize("probes", [1, 4, 16])
def test_probing_ends_after_the_first_payloads_of_each_side(probes):
    """A flow that never matches costs a bounded number of probes; the other side has its own."""
    shots = [dgram(b"noise", at=k) for k in range(probes)] + [dgram(b"ONCE", at=500)]
    assert handed(shots, probe_packets=probes)[0] == []
    assert handed(shots[1:], probe_packets=probes)[0] == [(probes - 1, Parser.STUN, 0, 1)]
    assert handed([*shots, dgram(b"ONCE", back=True, at=600)], probe_packets=probes)[0][-1][0] == probes + 1


def test_a_recogniser_of_the_rule_pack_is_told_beside():
    """Its packet goes up with the recogniser's number."""
    assert handed([dgram(b"KNOCK"), dgram(b"x")])[0] == [(0, 0, RECOGNISER_BASE + 3, 0)]


def told(shots, pattern):
    """(frame, sender's side is the originator's, number) of packets told to a recogniser."""
    got = run(shots, settings(), patterns=pattern)
    notes = sorted((n for n in got.notes if n["recogniser"]), key=lambda n: n["index"])
    return [(n["index"], n["side"] == n["orig"], n["number"]) for n in notes]


@pytest.mark.parametrize("there", ["203.0.113.9", "10.0.0.1"])  # the originator is end a, then end b
def test_a_recogniser_can_ask_who_speaks(there):
    """1 is the flow's originator, whichever end of the key it is; 2 is the other one."""
    shots = []
    for back in (False, True, False, True):
        src, dst = (OUT._replace(addr=there), CAM) if back else (CAM, OUT._replace(addr=there))
        data = udp(src, dst, b"KNOCK")
        shots.append(Shot(ethernet(src.mac, dst.mac, ip(src.addr, dst.addr, 17, data)), T0))
    assert told(shots, asking((1, 0, 0), KNOCK.copy())) == [(0, True, 1), (2, True, 2)]
    assert told(shots, asking((2, 0, 0), KNOCK.copy())) == [(1, False, 1), (3, False, 2)]


def test_a_recogniser_can_ask_which_payload_it_is():
    """Counted from 1 on each side; empty packets do not count, nor what comes after the probes."""
    s, tcp_knock = Stream(), row(RECOGNISER_BASE + 3, 6, b"KNOCK")
    shots = [s.send(b""), s.send(b"KNOCK"), s.send(b"KNOCK"), s.send(b"KNOCK", back=True), s.send(b"KNOCK")]
    assert told(shots, asking((0, 1, 1), tcp_knock.copy())) == [(1, True, 1), (3, False, 1)]
    assert told(shots, asking((0, 2, 3), tcp_knock.copy())) == [(2, True, 2), (4, True, 3)]
    assert len(told([s.send(b"KNOCK") for _ in range(40)], tcp_knock)) == 16
    assert told([s.send(b"KNOCK") for _ in range(40)], asking((0, 17, 64), tcp_knock.copy())) == []


def test_a_stream_goes_up_from_its_start_until_the_budget_is_spent():
    """Both sides have the budget; what is left of it decides, and the rest is counted as shed."""
    s = Stream()
    shots = [s.send(b"early"), s.send(b"GET /" + b"a" * 95), s.send(b"b" * 60), s.send(b"c" * 60)]
    shots += [s.send(b"d"), s.send(b"e" * 50, back=True)]
    up, tally = handed(shots, flow_bytes=150)
    assert up == [(1, Parser.HTTP, 0, 1), (2, Parser.HTTP, 0, 0), (5, Parser.HTTP, 0, 0)]
    assert tally["budget_shed"] == 2


def test_a_later_request_starts_anew_with_a_fresh_budget():
    """HTTP asks for every payload to be tried: a second request on the same connection is read."""
    s = Stream()
    shots = [s.send(b"GET /1"), *(s.send(b"x" * 100) for _ in range(30)), s.send(b"GET /2"), s.send(b"y")]
    up = handed(shots, flow_bytes=50, probe_packets=4)[0]
    assert [u for u in up if u[3]] == [(0, Parser.HTTP, 0, 1), (31, Parser.HTTP, 0, 1)]
    assert up[-1] == (32, Parser.HTTP, 0, 0)


def test_a_payload_before_the_start_of_its_stream_is_pending():
    """Out of order: the second segment comes first."""
    s = Stream()
    first, second = s.send(b"\x16\x03 hello"), s.send(b"the rest")
    opener = Stream()
    opener.next[0] = 0
    syn = opener.send(b"", flags=SYN)
    up, tally = handed([syn, second._replace(ts=T0 + 5000), first._replace(ts=T0 + 6000)])
    assert up == [(1, Parser.PENDING, 0, 0), (2, Parser.TLS, 0, 1)]
    assert tally["pending_up"] == 1


def test_a_tls_side_ends_with_its_application_data():
    """RFC 8446 §5.1: nothing behind it can be read; the other side goes on until its own."""
    s = Stream()
    shots = [s.send(b"\x16\x03\x01 hello"), s.send(b"\x17\x03\x03 secret"), s.send(b"more"),
             *(s.send(body, back=True) for body in (b"certificate", b"\x17\x03\x03", b"z"))]  # fmt: skip
    assert [u[0] for u in handed(shots)[0]] == [0, 3]


def test_fragments_go_up_with_all_of_their_ip_payload():
    """First and later ones, as FRAGMENT, with identification and offset."""
    whole = udp(CAM, OUT, b"f" * 40)
    shots = []
    for a, b in ((0, 24), (24, 48)):
        packet = ipv4(CAM.addr, OUT.addr, 17, whole[a:b], ident=9, offset=a, more=b < 48)
        shots.append(Shot(ethernet(CAM.mac, OUT.mac, packet), T0))
    got = run(shots, settings(), patterns=PATTERNS)
    notes = sorted(got.notes, key=lambda n: n["index"])
    assert [(n["parser"], n["frag_id"], n["frag_off"], n["flags"] & PF_MORE) for n in notes] == [
        (Parser.FRAGMENT, 9, 0, PF_MORE), (Parser.FRAGMENT, 9, 24, 0),
    ]  # fmt: skip
    pieces = [shot.data[n["pay"] : n["pay"] + n["pay_cap"]] for shot, n in zip(shots, notes, strict=True)]
    assert b"".join(pieces) == whole


def test_sniffing_switched_off_hands_nothing_up():
    """sniff.enabled=false: flows only."""
    assert handed([dgram(b"ONCE")], enabled=False)[0] == []


@pytest.mark.parametrize(
    ("there", "near"),
    [("203.0.113.127", 0), ("203.0.113.128", 1), ("203.0.113.255", 1), ("198.51.101.0", 0)],
)
def test_notes_and_records_tell_that_an_end_lies_in_a_network_that_a_rule_names(there, near):
    for one, other in ((CAM, End(OUT.mac, there, 443)), (End(CAM.mac, there, 443), OUT)):
        packet = ip(one.addr, other.addr, 17, udp(one, other, b"x"))
        got = run([Shot(ethernet(one.mac, other.mac, packet), T0)], settings(), patterns=PATTERNS)
        assert [note["kind"] & N_NEAR != 0 for note in got.notes] == [bool(near)] * len(got.notes)
        assert [record["near"] for record in got.records] == [near]


def test_the_first_packet_of_each_end_is_noted_when_it_shows_something():
    """A crossing of the perimeter, a host never shown before, a reply."""
    got = run([dgram(b"x"), dgram(b"y", back=True), dgram(b"z")], settings(), patterns=PATTERNS)
    kinds = {n["index"]: n["kind"] for n in got.notes}
    assert kinds == {0: N_CROSSING | N_HOST, 1: N_CROSSING | N_HOST | N_REPLY}


@pytest.mark.parametrize("between", [False, True])
def test_flows_between_inside_hosts_are_noted_on_request(between):
    """A site's policy may forbid them; without a policy nobody asks."""
    shots = []
    for port in (1, 2):
        there = End(OUT.mac, "10.0.0.6", port)
        packet = ip(CAM.addr, there.addr, 17, udp(CAM, there, b"x"))
        shots.append(Shot(ethernet(CAM.mac, OUT.mac, packet), T0))
    got = run(shots, settings(), between=between)
    assert len([n for n in got.notes if n["kind"] & N_CROSSING]) == 2 * between
