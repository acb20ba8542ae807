# SPDX-License-Identifier: Apache-2.0
"""The hold: what is kept, when it is judged, what is counted."""

import numpy as np
import pytest

from egresswatch.config import load
from egresswatch.enrich.geo import Geo
from egresswatch.enrich.inventory import Inventory
from egresswatch.enrich.names import PassiveNames
from egresswatch.enrich.register import Register
from egresswatch.pipeline.classify import Classifier
from egresswatch.pipeline.rows import Rows
from egresswatch.pipeline.watched import low_word
from egresswatch.records import FLOW_RECORD, FlowInfo
from egresswatch.rules import load_tables
from egresswatch.rules.site import load_site

HIKVISION, PLAIN = 0x4419B60A3F13, 0x020000000001
CAMERA, OTHER, REMOTE = "10.20.0.13", "10.20.0.50", "203.0.113.9"


@pytest.fixture(scope="module")
def tables():
    return load_tables([], True)


@pytest.fixture
def made(tables):
    """(rows, register): nothing is written, everything is counted; one camera is known."""
    site, settings = load_site(None), load(None, ["output.max_held_rows=3"])
    register = Register(tables, site, Inventory.load(""), 100)
    register.observe(HIKVISION, CAMERA, None, 1)
    register.observe(PLAIN, OTHER, None, 1)
    classifier = Classifier(tables, PassiveNames(10))
    return Rows(settings, site, register, classifier, Geo("", ""), None, None), register


def record(orig=CAMERA, resp=REMOTE, mac=HIKVISION, **fields):
    out = np.zeros(1, FLOW_RECORD)
    out["orig_lo"], out["resp_lo"], out["orig_mac"], out["ver"] = low_word(orig), low_word(resp), mac, 4
    out["orig_class"], out["resp_class"] = int(orig.startswith("10.")), int(resp.startswith("10."))
    out["proto"], out["has_ports"], out["orig_p"], out["resp_p"] = 6, 1, 40000, 443
    out["orig_pkts"], out["orig_ip_bytes"], out["end"], out["outcome"] = 1, 40, 1, 1
    for name, value in fields.items():
        out[name] = value
    return out


def test_a_record_without_packets_is_not_a_row(made):
    """It says that a flow ended, no more; unless it missed bytes."""
    rows, _ = made
    rows.hold(record(orig_pkts=0))
    assert len(rows._held) == 0
    rows.hold(record(orig_pkts=0, resp_missed=5))
    assert len(rows._held) == 1


def test_a_full_hold_says_so(made):
    """At the number that the settings give."""
    rows, _ = made
    rows.hold(np.concatenate([record(), record()]))
    assert not rows.full
    rows.hold(record())
    assert rows.full
    rows.flush()
    assert not rows.full
    assert len(rows._held) == 0


def test_verdicts_are_counted_by_record(made):
    """A camera's egress is judged, another host's is not monitored."""
    rows, _ = made
    rows.hold(np.concatenate([record(), record(seq=1), record(orig=OTHER, mac=PLAIN)]))
    rows.flush()
    assert rows.sums.verdicts == {"unknown": 2, "not_monitored": 1}


def test_rows_are_judged_when_they_leave_not_when_they_come(made):
    """A host that shows itself as a camera later has its first rows judged as a camera's."""
    rows, register = made
    rows.hold(record(orig=OTHER, mac=PLAIN))
    register.evidence(OTHER, PLAIN, "onvif_scope", "onvif://www.onvif.org/type/Network_Video_Transmitter", 2)
    rows.flush()
    assert rows.sums.verdicts == {"unknown": 1}


def test_missed_bytes_of_monitored_hosts(made):
    """Summed once a record; other hosts' are not."""
    rows, _ = made
    rows.hold(record(orig_missed=7, resp_missed=2))
    rows.hold(record(orig=OTHER, mac=PLAIN, orig_missed=100))
    rows.flush()
    assert rows.sums.missed == 9


def test_between_two_cameras_bytes_are_missed_once(made):
    """The record belongs to its originator."""
    rows, register = made
    register.observe(HIKVISION + 1, "10.20.0.14", None, 1)
    rows.hold(record(resp="10.20.0.14", resp_mac=HIKVISION + 1, orig_missed=7))
    rows.flush()
    assert rows.sums.missed == 7


def test_what_was_read_stays_while_its_flow_lives(made):
    """A long flow has rows in the next hour too."""
    rows, _ = made
    rows.learn(1, FlowInfo(service="tls"))
    rows.learn(2, FlowInfo(service="dns"))
    rows.flush({2, 9})
    assert rows.info(1) is None
    assert rows.info(2).service == "dns"


def test_the_name_read_on_a_flow_makes_its_class(made):
    """And is looked for by the flow's number, not its address."""
    rows, _ = made
    rows.learn(5, FlowInfo(service="tls", server_name="dev.hik-connect.com", server_name_source="sni"))
    rows.hold(np.concatenate([record(flow=5), record(flow=6)]))
    rows.flush()
    assert rows.sums.verdicts == {"vendor_cloud": 1, "unknown": 1}
