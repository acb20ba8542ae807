# SPDX-License-Identifier: Apache-2.0
"""The comparison itself: it finds what differs and nothing else; it agrees with docs/limits.md."""

import pytest
from tests.oracle import known
from tests.oracle.compare import (
    Tally,
    bytes_by_remote,
    egress_of,
    flow_differences,
    flows_of_oracle,
    flows_of_replay,
    ja4_places_of_oracle,
    names_of_oracle,
    verdicts_by_remote,
)


def oracle_flow(**fields):
    return {
        "vlan": [], "proto": 17, "a_ip": "10.0.0.1", "a_port": 5000, "b_ip": "192.0.2.1", "b_port": 53,
        "pkts_ab": 2, "pkts_ba": 1, "ip_bytes_ab": 120, "ip_bytes_ba": 90, **fields,
    }  # fmt: skip


def our_row(**fields):
    return {
        "vlan": None, "inner_vlan": None, "proto": "udp", "orig_h": "10.0.0.1", "orig_p": 5000,
        "resp_h": "192.0.2.1", "resp_p": 53, "orig_pkts": 2, "resp_pkts": 1, "orig_ip_bytes": 120,
        "resp_ip_bytes": 90, "uid": "F1", "direction": "outbound", "verdict": "unknown", **fields,
    }  # fmt: skip


def compared(flows, rows):
    return flow_differences(flows_of_oracle({"flows": flows}), flows_of_replay(rows))


TURNED = {
    "orig_h": "192.0.2.1", "orig_p": 53, "resp_h": "10.0.0.1", "resp_p": 5000, "orig_pkts": 1,
    "resp_pkts": 2, "orig_ip_bytes": 90, "resp_ip_bytes": 120,
}  # fmt: skip


@pytest.mark.parametrize(
    "rows",
    [
        [our_row()],
        [our_row(**TURNED)],
        [
            our_row(orig_pkts=1, orig_ip_bytes=60),
            our_row(orig_pkts=1, orig_ip_bytes=60, resp_pkts=0, resp_ip_bytes=0),
        ],
    ],
    ids=["as it is", "turned round", "in two records"],
)  # fmt: skip
def test_equal_flows_have_no_difference(rows):
    """Orientation and the number of records do not matter."""
    assert compared([oracle_flow()], rows) == []


@pytest.mark.parametrize(
    "wrong",
    [{"orig_pkts": 3}, {"resp_ip_bytes": 91}, {"resp_p": 54}, {"proto": "tcp"}, {"vlan": 7}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_any_field_can_differ(wrong):
    """Counts, keys and tags are compared."""
    assert compared([oracle_flow()], [our_row(**wrong)])


def test_missing_and_extra_flows_are_told():
    """Both sides are looked through."""
    assert compared([oracle_flow()], [])[0].startswith("missing")
    assert compared([], [our_row()])[0].startswith("extra")


def test_fragments_go_to_the_flow_of_their_first():
    """A later fragment without ports is counted where tshark says that it belongs."""
    later = oracle_flow(
        a_port=None, b_port=None, pkts_ab=1, pkts_ba=0, ip_bytes_ab=500, ip_bytes_ba=0, frag=True,
        frag_assign=[{"flow": 0, "dir": "ab", "pkts": 1, "ip_bytes": 500}],
    )  # fmt: skip
    assert compared([oracle_flow(), later], [our_row(orig_pkts=3, orig_ip_bytes=620)]) == []


def test_fragments_without_a_first_stay_alone():
    """They are a flow without ports."""
    alone = oracle_flow(a_port=None, b_port=None, frag=True, frag_assign=[{"flow": None, "dir": "ab"}])
    assert compared([alone], [our_row(orig_p=None, resp_p=None)]) == []


def test_a_tally_of_nothing_is_perfect_and_misses_lower_it():
    """Recall sinks with what is missed, precision with what is made up."""
    tally = Tally()
    assert (tally.recall, tally.precision) == (1.0, 1.0)
    tally.add("one", {"a", "b"}, {"a", "b"})
    tally.add("two", {"c", "d"}, {"c"})
    assert (tally.recall, tally.precision) == (0.75, 1.0)
    assert tally.differences == {"two": (("d",), ())}


def test_the_root_and_empty_names_are_no_names():
    """tshark lists them; we do not."""
    document = {"dns_names": {"<Root>": {}, "": {}, "A.example": {}}, "tls_client": [], "http_hosts": [],
                "dhcp": [], "mqtt": []}  # fmt: skip
    assert names_of_oracle(document, "dns") == {"a.example"}


def test_a_hello_is_placed_between_its_ends():
    """The lower end first, whoever sent it."""
    document = {"flows": [oracle_flow(proto=6)], "tls_client": [{"ja4": "t13", "flow": 0}]}
    assert ja4_places_of_oracle(document) == {(("10.0.0.1", 5000), ("192.0.2.1", 53), "t13")}


CAMERA = {
    "device_ips": ["10.0.0.1"],
    "egress": [
        {"remote": "192.0.2.1", "rport": 53, "proto": 17, "up_pkts": 2, "up_ip_bytes": 120},
        {"remote": "192.0.2.9", "rport": 443, "proto": 6, "up_pkts": 1, "up_ip_bytes": 40},
        {"remote": "192.0.2.8", "rport": 443, "proto": 6, "up_pkts": 0, "up_ip_bytes": 0},
    ],
}


def test_egress_is_what_went_up_and_is_not_housekeeping():
    """DNS, NTP, ICMP and remotes that were never answered do not count."""
    assert [one["remote"] for one in egress_of(CAMERA)] == ["192.0.2.9"]


def test_bytes_are_summed_by_remote_in_either_orientation():
    """The camera may be originator or responder."""
    known_bytes, told = bytes_by_remote(CAMERA, [our_row(**TURNED)])
    assert known_bytes["192.0.2.1"] == told["192.0.2.1"] == 120
    assert known_bytes["192.0.2.9"] != told["192.0.2.9"] == 0


def test_verdicts_of_outbound_rows_only():
    """An inbound row does not stand for egress."""
    rows = [our_row(), our_row(direction="inbound", verdict="p2p")]
    assert verdicts_by_remote(CAMERA, rows) == {"192.0.2.1": {"unknown"}}


def test_every_known_difference_is_in_the_documentation(root):
    """docs/limits.md names each capture under 'Differences from tshark'."""
    page = (root / "docs" / "limits.md").read_text()
    section = page.partition("## Differences from tshark")[2].partition("\n## ")[0]
    named = [*known.FLOWS, *known.UNREAD, *(capture for _, capture in known.NAMES), *known.JA4]
    assert [name for name in named if name.removesuffix(".pcap") not in section] == []
