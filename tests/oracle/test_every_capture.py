# SPDX-License-Identifier: Apache-2.0
"""Every real capture, under three settings: no traceback, a clear exit, a ledger that adds up."""

import pytest
from tests.oracle import known
from tests.oracle.conftest import MODES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.jit_only,  # 200 captures with hundreds of thousands of frames, three times
]


@pytest.fixture(scope="module", params=MODES)
def runs(request, replays):
    return replays(request.param)


def test_all_captures_were_replayed(runs, captures):
    """Nothing is compared with nothing: the folder has captures, each has answers."""
    assert len(runs) > 100
    assert {path.name.removesuffix(".json") for path in (captures / "oracle").iterdir()} == set(runs)


def test_exit_is_0_or_a_clear_1(runs):
    """An exception would have ended the session; 1 comes with the reason, a line each."""
    for run in runs.values():
        assert run.status in (0, 1), run.name
        assert "Traceback" not in run.complaints, run.name
        assert all(line.startswith("egresswatch: ") for line in run.complaints.splitlines()), run.name
        assert run.status == 0 or run.complaints, run.name


def test_every_frame_is_accounted_once(runs):
    """The ledger balances."""
    for run in runs.values():
        assert run.ledger["balanced"] is True, run.name
        assert sum(run.ledger["buckets"].values()) == run.ledger["frames_read"], run.name


def test_as_many_frames_are_read_as_by_tshark(runs, oracle):
    """Except of link types that tshark refuses."""
    differing = {
        name for name, run in runs.items() if run.ledger["frames_read"] != oracle(name)["summary"]["packets"]
    }
    assert differing == known.UNREAD.keys()


@pytest.mark.parametrize("name", known.UNREAD)
def test_frames_of_unknown_link_types_are_counted(runs, name):
    """Each of them, in one bucket, and the number of the link type is told."""
    ledger = runs[name].ledger
    assert ledger["buckets"]["unsupported_linktype"] == ledger["frames_read"]
    assert list(ledger["unsupported_linktypes"]) == [known.UNREAD[name].split()[2]]


def test_rows_add_up_to_the_ledger(runs):
    """Packets and IP bytes of all records are those of the ledger's accounted frames."""
    for run in runs.values():
        packets = sum(row["orig_pkts"] + row["resp_pkts"] for row in run.flows)
        octets = sum(row["orig_ip_bytes"] + row["resp_ip_bytes"] for row in run.flows)
        accounted = run.ledger["buckets"]["accounted"]
        assert (packets, octets) == (accounted, run.ledger["ip_bytes_accounted"]), run.name


def test_records_have_a_key_of_their_own(runs):
    """(uid, seq) is the key of flows.parquet."""
    for run in runs.values():
        keys = [(row["uid"], row["seq"]) for row in run.flows]
        assert len(keys) == len(set(keys)), run.name


def test_sightings_belong_to_flows(runs):
    """Every sighting's uid is that of a flow in the same folder."""
    for run in runs.values():
        assert {one["uid"] for one in run.sightings} <= {row["uid"] for row in run.flows}, run.name
