# SPDX-License-Identifier: Apache-2.0
"""What must hold of decode and flow for any packets: cuts and workers change nothing, nothing is lost,
both ends are alike, and time-outs fire on their tick."""

import random

import pytest
from drive import T0, Shot
from flow_drive import run, settings
from hypothesis import given
from hypothesis import strategies as st
from scale import examples, scaled
from traffic import NS, build, packets

from egresswatch.demo.frames import End, packed
from egresswatch.records import EndReason
from egresswatch.sniff.probes import BUILTIN

SMALL = {"table_size": 48, "tcp_idle_timeout": 20, "udp_idle_timeout": 9, "active_timeout": 30}
MODES = st.sampled_from(["auto", "true", "false"])
SWAP4, SWAP6 = ("10.0.0.1", "192.168.3.4"), ("fd00::1", "fd00::2")


@examples(400)
@given(packets(longest=50), st.lists(st.integers(0, 50), max_size=6), st.sampled_from([1, 2, 3, 16]),
       st.booleans(), MODES)  # fmt: skip
def test_any_cut_and_any_number_of_workers(shots, cuts, workers, dedup, vlan):
    """Records, notes, buckets and counters are the same, down to uids and flow numbers."""
    given_ = settings(flow=SMALL, dedup=dedup, vlan=vlan)
    cuts = [cut for cut in cuts if cut < len(shots)]
    whole = run(shots, given_, patterns=BUILTIN)
    parts = run(shots, given_, patterns=BUILTIN, cuts=cuts, workers=workers, small=6)
    assert parts == whole


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("size", [1, 100, 333])
def test_a_long_story_in_batches(size, workers):
    """Thousands of packets, evictions and interim records: batch by batch as at once."""
    shots = story(scaled(4000, 600))
    cuts = range(scaled(size), len(shots), scaled(size))
    given_ = settings(flow=SMALL, dedup=True)
    whole = run(shots, given_, patterns=BUILTIN)
    assert run(shots, given_, patterns=BUILTIN, cuts=cuts, workers=workers) == whole
    assert whole.tally["evicted"] > 0


def story(count):
    """A long mixed capture, the same each time."""
    chance, shots, now = random.Random(7), [], T0
    for _ in range(count):
        now += chance.choice([0, 10**5, 10**7, NS // 3])
        a, b = chance.sample([f"10.0.0.{k}" for k in range(1, 40)], 2)
        one, two = (End(f"02:00:00:00:00:{k:02x}", h, chance.randrange(1, 9)) for k, h in ((1, a), (2, b)))
        kind = chance.choice(["tcp", "tcp", "udp", "quote", "first", "later", "icmp"])
        shots.append(Shot(build(kind, one, two, chance.choice([None, 20]), chance.choice), now))
    return shots


@examples(300)
@given(packets(longest=60), st.booleans())
def test_packets_and_bytes_are_conserved(shots, dedup):
    """What was accounted is in the records, no more, no less; the rest are duplicates."""
    got = run(shots, settings(flow=SMALL, dedup=dedup))
    accounted = [row for row in got.buckets if row == "accounted"]
    assert sum(r["orig_pkts"] + r["resp_pkts"] for r in got.records) == len(accounted)
    assert got.buckets.count("duplicate") == got.tally["duplicates"]
    assert len(got.buckets) == len(shots)
    everything = run(shots, settings(flow={"table_size": 1 << 12}))
    total = sum(r["orig_ip_bytes"] + r["resp_ip_bytes"] for r in everything.records)
    told = sum(r["orig_ip_bytes"] + r["resp_ip_bytes"] for r in got.records)
    assert told + got.tally["duplicate_bytes"] == total


@examples(300)
@given(packets(longest=60))
def test_records_of_a_flow_are_numbered_and_add_up(shots):
    """(uid, seq) is a key, seq counts from 0, the last record's totals are the sums of all."""
    flows: dict = {}
    for record in run(shots, settings(flow=SMALL)).records:
        flows.setdefault(record["uid"], []).append(record)
    for records in flows.values():
        records.sort(key=lambda record: record["seq"])
        assert [record["seq"] for record in records] == list(range(len(records)))
        assert {record["end"] for record in records[:-1]} <= {EndReason.active}
        assert records[-1]["end"] != EndReason.active
        last = records[-1]
        both = lambda field, record: record["orig_" + field] + record["resp_" + field]
        assert sum(both("pkts", r) for r in records) == both("sum_pkts", last)
        assert sum(both("ip_bytes", r) for r in records) == both("sum_bytes", last)
        assert sum(both("missed", r) for r in records) == last["sum_missed"]
        assert len({(r["flow"], r["ts_flow"]) for r in records[-1:]}) == 1


def mirrored(shots, pair):
    """The same frames with both hosts' addresses exchanged."""
    one, two = (packed(address) for address in pair)
    marker = b"\0swap\0".ljust(len(one), b"\0")

    def swap(data):
        return data.replace(one, marker).replace(two, one).replace(marker, two)

    return [shot._replace(data=swap(shot.data)) for shot in shots]


@examples(400)
@given(packets(longest=60, hosts=SWAP4).map(lambda shots: (SWAP4, shots))
       | packets(longest=60, hosts=SWAP6).map(lambda shots: (SWAP6, shots)),
       MODES, st.booleans())  # fmt: skip
def test_exchanging_both_ends_mirrors_the_outcome(talk, vlan, dedup):
    """No rule favours the end with the lower address: only the addresses in the records change."""
    pair, shots = talk
    given_ = settings(flow=SMALL, vlan=vlan, dedup=dedup)
    plain, other = run(shots, given_), run(mirrored(shots, pair), given_)
    low = {int.from_bytes(packed(p).rjust(16, b"\0")[-4:], "big"): n for n, p in enumerate(pair)}

    def told(run_, flip):
        out = []
        for record in run_.records:
            kept = {k: v for k, v in record.items() if k != "uid" and not k.endswith(("_hi", "_lo"))}
            ends = [low.get(record[e] & 0xFFFFFFFF) for e in ("orig_lo", "resp_lo")]
            kept["ends"] = [end if end is None else end ^ flip for end in ends]
            out.append(kept)
        return sorted(out, key=str)

    assert told(other, 1) == told(plain, 0)
    assert other.tally == plain.tally


@examples(400)
@given(packets(longest=50, steps=(0, 1000, NS // 3, NS, 4 * NS, 11 * NS, 25 * NS, 400 * NS)),
       st.sampled_from([1, 2.5, 9, 60, 1500]), st.sampled_from([1, 4.2, 30, 2000]),
       st.sampled_from([0.5, 5]))  # fmt: skip
def test_expiry_is_never_early_nor_late_by_more_than_a_tick(shots, idle, active, linger):
    """Records end at the first whole second at which their deadline has passed."""
    times = {"tcp_idle_timeout": idle, "udp_idle_timeout": idle, "other_idle_timeout": idle}
    flow = {**times, "active_timeout": active, "end_linger": linger}
    got = run(shots, settings(flow=flow))
    opened = {}
    for record in sorted(got.records, key=lambda r: (r["flow"], r["seq"])):
        begun = opened.get(record["flow"], record["ts_flow"])
        if record["end"] in (EndReason.idle, EndReason.active):
            assert record["tick"] % NS == 0
        if record["end"] == EndReason.idle:
            assert 0 <= record["tick"] - record["ts_end"] - round(idle * NS) < NS
        elif record["end"] == EndReason.active:
            assert record["ts_end"] < record["tick"]
            assert record["tick"] - begun >= round(active * NS)
            opened[record["flow"]] = record["tick"]
        assert record["ts_end"] - record["ts"] < round(active * NS) + NS
        if record["end"] == EndReason.active:
            assert record["tick"] - record["ts"] < round(active * NS) + NS
    last = max((shot.ts for shot in shots), default=0)
    for record in got.records:
        if record["end"] == EndReason.eof:
            assert last // NS * NS < record["ts_end"] + round(idle * NS)
