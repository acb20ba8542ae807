# SPDX-License-Identifier: Apache-2.0
"""From a copied identifier to its flow: whole or cut short, never a wrong one."""

import pytest

from egresswatch.dissect import lookup
from egresswatch.errors import EgresswatchError, UsageError


def test_a_flow_uid_gives_the_flow_with_all_its_records(folder):
    """Interim records are added up; what changes is taken from the last one."""
    out = folder(
        {
            "seq": 1,
            "ts": 70_000_000_000,
            "ts_end": 80_000_000_000,
            "orig_ip_bytes": 7,
            "server_name": "a.example",
        },
        {"seq": 0},
        {"uid": "CbbbBBBB"},
    )
    flow = lookup.find(out, "CaaaaAAAA").flow
    assert (flow.ts, flow.ts_end, flow.orig_bytes, flow.orig_pkts) == (1_000_000_000, 80_000_000_000, 307, 6)
    assert [record.orig_bytes for record in flow.records] == [300, 7]
    assert flow.server_name == "a.example"


def test_the_beginning_of_a_uid_is_enough(folder):
    """People copy what fits."""
    assert lookup.find(folder({}, {"uid": "CbbbBBBB"}), "Caaaa").flow.uid == "CaaaaAAAA"


def test_an_ambiguous_beginning_is_wrong_usage(folder):
    """Both candidates are named."""
    with pytest.raises(UsageError, match="could mean CaaaaAAAA, CaaaaBBBB: give more characters"):
        lookup.find(folder({}, {"uid": "CaaaaBBBB"}), "Caaaa")


def test_too_short_a_uid_is_wrong_usage(folder):
    """Three letters would match anything."""
    with pytest.raises(UsageError, match="'Caa' is too short: give at least 4"):
        lookup.find(folder({}), "Caa")


def test_a_uid_that_is_not_there_is_told(folder):
    """With the folder that was looked into."""
    out = folder({})
    with pytest.raises(EgresswatchError, match=r"Cxxxxxx: no alert and no flow of .*out has this uid"):
        lookup.find(out, "Cxxxxxx")


def test_an_alert_gives_its_flow_and_the_flows_of_the_same_rule(folder):
    """Earliest first; flows of other assets or rules are not named."""
    out = folder(
        {"rule_ids": ["EW-HIK-0031"]},
        {"uid": "C3333333", "rule_ids": ["EW-HIK-0031"], "ts": 5_000_000_000},
        {"uid": "C2222222", "rule_ids": ["EW-HIK-0031"], "ts": 2_000_000_000},
        {"uid": "C4444444", "rule_ids": ["EW-HIK-0031"], "orig_asset": "cam-2"},
        {"uid": "C5555555"},
        alerts=[{}],
    )
    subject = lookup.find(out, "abcdefg")
    assert subject.flow.uid == "CaaaaAAAA"
    assert subject.related == ("C2222222", "C3333333")


def test_flows_to_the_alert_s_destination_are_related_as_well(folder):
    """A finding without a rule of the pack (a destination nobody can name) has no rule id in its rows."""
    out = folder(
        {},
        {"uid": "C2222222"},
        {"uid": "C3333333", "resp_h": "198.51.100.1"},
        alerts=[{"rule": {"id": "EW-UNK-0001"}, "destination": {"ip": "203.0.113.9"}}],
    )
    assert lookup.find(out, "ABCDEFG").related == ("C2222222",)


def test_the_last_update_of_an_alert_counts(folder):
    """Its message has the newest figures."""
    subject = lookup.find(folder({}, alerts=[{}, {"message": "newer"}]), "ABCDEFGHIJKL2")
    assert subject.alert is not None
    assert subject.alert["message"] == "newer"


def test_captures_are_the_ones_of_the_ledger(folder):
    """In the order they were read."""
    assert lookup.captures(folder({}, captures=["b.pcap", "a.pcap"])) == ("b.pcap", "a.pcap")


@pytest.mark.parametrize("text", ["[]", "{}", "not json", '{"input_files": [1]}'])
def test_a_broken_ledger_is_one_clear_line(folder, text):
    """Not a traceback."""
    out = folder({})
    (out / "ledger.json").write_text(text)
    with pytest.raises(EgresswatchError, match=r"ledger\.json: is not a ledger that replay wrote"):
        lookup.captures(out)


def test_broken_flows_are_one_clear_line(folder):
    """Not a traceback of a library."""
    out = folder({})
    (out / "flows.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(EgresswatchError, match=r"flows\.parquet: cannot be read as flows of a replay"):
        lookup.find(out, "CaaaaAAAA")


@pytest.mark.parametrize("line", ["{", "{}", "[]", '{"event": 1}'])
def test_broken_alerts_are_one_clear_line(folder, line):
    """Not a traceback."""
    out = folder({})
    (out / "alerts.jsonl").write_text(line + "\n")
    with pytest.raises(EgresswatchError, match=r"alerts\.jsonl: is not what replay wrote"):
        lookup.find(out, "CaaaaAAAA")
