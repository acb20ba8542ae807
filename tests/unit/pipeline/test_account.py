# SPDX-License-Identifier: Apache-2.0
"""The ledger: adds up, says so when it does not, never makes a number of what is unknown."""

from types import SimpleNamespace

import numpy as np
import pytest

from egresswatch.packets import Bucket, Count
from egresswatch.pipeline.account import ledger
from egresswatch.records import FileFacts, InterfaceFacts, SourceFacts

TALLY = dict.fromkeys(
    ("duplicates", "duplicate_bytes", "created", "evicted", "vlan_joined", "vlan_contradicted", "frag_joined",
     "frag_orphans", "frag_forgotten", "dup_forgotten", "icmp_marked", "budget_shed"), 0,
)  # fmt: skip


def front(*, frames=10, buckets=(10, 0, 0, 0, 0, 0, 0), unsupported=(), octets=1000, **tally):
    """What the fast half leaves behind."""
    counts = dict.fromkeys((count.name for count in Count), 0) | {"ip_bytes": octets}
    numbers = np.zeros(65536, np.uint64)
    for number in unsupported:
        numbers[number] += 1
    table = SimpleNamespace(tally=lambda: {**TALLY, **tally}, capacity=64)
    return SimpleNamespace(
        frames=frames, buckets=np.array(buckets, np.uint64), unsupported=numbers, table=table,
        counters=lambda: counts, first_ts=10**18, last_ts=None,
    )  # fmt: skip


TABLES = SimpleNamespace(version="1", digest="ab", rules={"EW-X-0001": None})
SITE = SimpleNamespace(given=False, digest="")


def account(made, facts=None):
    return ledger(made, facts or SourceFacts(), TABLES, SITE, {"flows": 2}, {"hosts": 3})


def test_duplicates_leave_the_accounted():
    """decode accounts every sound frame; the flow table finds the copies among them."""
    told = account(front(duplicates=4, duplicate_bytes=300))
    assert told["buckets"]["accounted"] == 6
    assert told["buckets"]["duplicate"] == 4
    assert (told["ip_bytes_accounted"], told["ip_bytes_duplicate"]) == (700, 300)
    assert told["balanced"] is True


def test_a_frame_too_few_is_not_balanced():
    """The sum is checked, not assumed."""
    assert account(front(frames=11))["balanced"] is False
    assert account(front(frames=9))["balanced"] is False


def test_every_bucket_is_told_also_when_empty():
    """A reader need not know which can be missing."""
    assert list(account(front())["buckets"]) == [bucket.name for bucket in Bucket]


def test_link_types_by_number():
    """Each that was not supported, with its count."""
    told = account(front(unsupported=(281, 281, 7)))
    assert told["unsupported_linktypes"] == {"7": 1, "281": 2}


def test_times_are_text_or_null():
    """An empty capture has no first packet."""
    told = account(front())
    assert told["first_packet"].startswith("2001-09-09T01:46:40")
    assert told["last_packet"] is None


@pytest.mark.parametrize(
    ("told", "wanted"), [((None,), None), ((262144, 96, None), 96), ((0,), None), ((), None)]
)
def test_the_smallest_snaplen_counts(told, wanted):
    """Of the interfaces that tell one."""
    facts = SourceFacts(interfaces=[InterfaceFacts(f"i{k}", 1, value) for k, value in enumerate(told)])
    assert account(front(), facts)["snaplen"] == wanted


def test_unknown_counters_stay_unknown():
    """null, never 0: nobody counted is not nothing lost."""
    facts = SourceFacts(interfaces=[InterfaceFacts("a", 1, None, packets=3)])
    (interface,) = account(front(), facts)["interfaces"]
    assert (interface["received"], interface["dropped"], interface["packets"]) == (None, None, 3)


def test_files_and_their_damage():
    """Damage is summed; a digest is there when one was asked for."""
    files = [FileFacts("a.pcap", 10, damaged_tail_bytes=3, damage="cut"), FileFacts("b.pcap", 5, sha256="00")]
    told = account(front(), SourceFacts(files=files))
    assert told["damaged_tail_bytes"] == 3
    assert ["sha256" in file for file in told["input_files"]] == [False, True]


def test_what_was_turned_away_is_told():
    """By the flow table, the parsers and the register."""
    told = account(front(budget_shed=7, evicted=5))
    assert told["shed"] == {"flow_budget": 7, "flows": 2}
    assert told["refused"] == {"hosts": 3}
    assert told["flows"]["lack_of_resources"] == 5
