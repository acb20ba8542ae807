# SPDX-License-Identifier: Apache-2.0
"""The sentences: what they say, and what they must not claim. Evidence lines beside them."""

import pytest

STREAM = {
    "asset_name": "cam-gate-03",
    "vendor": "Hikvision (CN)",
    "model": "DS-2CD2143",
    "proto": 17,
    "rport": 31006,
    "remote": "203.0.113.91",
    "as_org": "Example Networks",
    "asn": 64500,
    "cc": "NL",
    "dest_class": "p2p",
    "bytes_out": 1_900_000_000,
    "pkts_out": 1_600_000,
    "bytes_in": 20_000_000,
    "protocols": ("pppp",),
}


def last(make, *events, until=None):
    return make.watch(events, until or events[-1].ts // make.NS - make.START // make.NS + 1, finish=True)[-1]


def test_a_stream_against_policy_reads_like_the_example(make):
    """What, who, how much, why we say so, what policy says, what to do."""
    alert = last(
        make,
        make.event(
            7200,
            verdict="violation",
            policy="violation",
            policy_place="site.toml:14",
            policy_reason='zone "cameras" may reach only nvr-main',
            rules=(make.p2p_rule(),),
            **STREAM,
        ),
    )
    assert alert.message == (
        "cam-gate-03 (Hikvision DS-2CD2143, 10.20.0.13) has been sending about 2.1 Mbit/s to "
        "203.0.113.91:31006 (Example Networks, seen as Example P2P) since Wed 18 Nov 2026 11:06 UTC: "
        "1.9 GB so far, like live video. "
        'The site\'s policy does not allow it: zone "cameras" may reach only nvr-main. '
        "Block UDP from 10.20.0.13 at the border; ask who paired it with an account."
    )
    assert alert.to == "Example P2P 203.0.113.91 AS64500 Example Networks"
    assert alert.evidence == (
        (
            "1.9 GB sent and 20 MB received in 1 connection (UDP port 31006) "
            "from 2026-11-18 11:06:40Z to 2026-11-18 13:06:40Z, 2 h."
        ),
        "About 2.1 Mbit/s held for 30 s or longer, in packets of 1 187 bytes on average.",
        "The packets speak pppp (recognised by their bytes, not by the port).",
        "Rule EW-EXA-0002: Example P2P, which belongs to Example (XX).",
        'Policy (site.toml:14): zone "cameras" may reach only nvr-main.',
        "Maker of the camera: Hikvision (CN), model DS-2CD2143.",
        "203.0.113.91 belongs to AS64500 Example Networks (registered in NL).",
    )
    assert alert.counter_evidence == (
        "A bulk upload (recordings, logs) looks the same; content was not read.",
        "Known other cause: An installer's laptop.",
    )


def test_a_short_contact_is_told_as_one_event(make):
    """No 'has been' for half a second."""
    alert = last(make, make.cloud(0.5, final=True))
    assert alert.message.startswith(
        "cam-gate-03 (10.20.0.13) sent 1.0 kB to api.cloud.example "
        "(203.0.113.9:443, seen as Example Cloud log-in) on Wed 18 Nov 2026 11:06 UTC. "
    )
    assert "The TLS handshake named api.cloud.example." in alert.evidence


def test_keep_alives_are_contact_not_upload(make):
    """Twelve kilobytes in an hour."""
    alert = last(make, make.cloud(3600, bytes_out=12_000, final=True))
    assert "has been in contact with api.cloud.example" in alert.message
    assert "12 kB sent so far, in 1 connection." in alert.message


def test_an_upload_that_is_no_stream_is_not_called_video(make):
    """Megabytes over a day."""
    alert = last(make, make.cloud(86_000, bytes_out=5_000_000, pkts_out=5000, final=True))
    assert "has been sending data to" in alert.message
    assert "video" not in alert.message
    assert not alert.video_like


def test_an_attempt_claims_no_firewall(make):
    """No answer was seen: why, nobody knows from here."""
    alert = last(
        make,
        *[
            make.cloud(i, since=i, flow_uid=f"f{i}", outcome="unanswered", final=True)
            for i in range(0, 1200, 100)
        ],
    )
    assert "tried 12 times to reach api.cloud.example" in alert.message
    assert "got no answer: nothing got through that this mirror shows." in alert.message
    assert "blocked" not in alert.message.split("shows.")[0]
    assert (
        "Why there was no answer cannot be seen from here: a firewall, or nobody there."
        in alert.counter_evidence
    )


def test_a_single_refused_attempt(make):
    """Once, and refused."""
    message = last(make, make.cloud(0.1, outcome="refused", final=True)).message
    assert "tried once to reach" in message
    assert "and was refused:" in message


def test_much_without_an_answer_says_that_it_may_be_lost(make):
    """Sent is not arrived."""
    alert = last(make, make.event(60, proto=17, outcome="unanswered", bytes_out=500_000, final=True))
    assert "No answer was seen: the data may have been dropped on the way." in alert.counter_evidence


def test_a_destination_nobody_can_name_says_so(make):
    """And asks to find out, instead of accusing."""
    alert = last(make, make.event(0, service="tls", final=True))
    assert (
        "No DNS look-up and no server name was seen, so nobody can say what service it is." in alert.message
    )
    assert "Find out who runs 203.0.113.9" in alert.remediation
    assert "It is TLS without a server name." in alert.evidence


def test_a_generic_cloud_is_explained(make):
    """The rule tells what it is, and that this says little."""
    generic = make.rule(
        id="EW-AWS-0001", title="Amazon S3", dest_class="other", platform="amazon/s3"
    )
    alert = last(
        make,
        make.event(0, names=(("b.s3.example", "dns"),), rules=(generic,), platform="amazon/s3", final=True),
    )
    assert alert.rule_id == "EW-UNK-0002"
    assert alert.platform == "amazon/s3"
    assert "It belongs to a service that many use (Amazon S3)" in alert.message
    assert "No rule knows" not in alert.message
    assert (
        "The name comes from a DNS answer alone; other services can share the address."
        in alert.counter_evidence
    )


def test_a_port_is_a_hint_against_which_is_said_what_it_is(make):
    """The port fits; the packets did not say so."""
    alert = last(make, make.event(0, hints=(make.p2p_rule(),), final=True))
    assert "The port is one that fits Example P2P; the packets did not confirm it." in alert.counter_evidence


def test_reached_from_outside_says_who_opened_it(make):
    """The port is the camera's, not the stranger's."""
    alert = last(make, make.event(0, direction="inbound", lport=554, rport=51111, final=True))
    assert alert.message.startswith(
        "cam-gate-03 (10.20.0.13) answered a connection from outside on port 554: "
        "1.0 kB sent to 203.0.113.9 on "
    )
    assert "Close port 554 to 10.20.0.13 at the border" in alert.remediation
    assert "The connection was opened from outside." in alert.evidence


def test_a_refused_stranger(make):
    """Contacted, and refused."""
    message = last(make, make.event(0, direction="inbound", lport=23, outcome="refused", final=True)).message
    assert "was contacted once from outside on port 23 by 203.0.113.9" in message
    assert "and refused." in message


def test_a_path_between_zones_is_not_the_borders_business(make):
    """A violation inside the house."""
    alert = last(
        make, make.event(0, direction="internal", remote="10.1.0.5", verdict="violation", final=True)
    )
    assert "Keep 10.20.0.13 from 10.1.0.5 where their zones meet" in alert.remediation
    assert "The site's policy does not allow it." in alert.message


def test_the_rules_own_advice_wins_when_data_left(make):
    """Who wrote the rule knows the product."""
    advised = make.rule(remediation="Switch off Platform Access in the web page.")
    assert last(make, make.cloud(0, rules=(advised,), final=True)).remediation == advised.remediation
    blocked = last(make, make.cloud(0, rules=(advised,), outcome="unanswered", final=True)).remediation
    assert blocked.startswith(
        "If a firewall stops it, leave that in place; switch the service off in the camera's"
    )


def test_who_was_told_not_to_is_not_asked_whether_it_is_wanted(make):
    """The site file has spoken."""
    silent, denied = (last(make, make.cloud(0, verdict=v, final=True)) for v in ("vendor_cloud", "violation"))
    assert silent.remediation.endswith("or allow it in the site file if it is wanted.")
    assert denied.remediation.endswith("switch the cloud service off in its settings.")


def test_several_addresses_are_listed_by_what_they_got(make):
    """The main one first, five at most."""
    events = [
        make.cloud(i, flow_uid=f"f{i}", remote=f"198.51.100.{i}", bytes_out=1000 * (i + 1), final=True)
        for i in range(7)
    ]
    alert = last(make, *events)
    assert (alert.destination_ip, alert.remotes) == ("198.51.100.6", 7)
    assert "and 6 other addresses" in alert.message
    assert (
        "Destinations by bytes sent: 198.51.100.6 (7.0 kB), 198.51.100.5 (6.0 kB), 198.51.100.4 (5.0 kB), "
        "198.51.100.3 (4.0 kB), 198.51.100.2 (3.0 kB), and 2 more." in alert.evidence
    )


def test_what_was_not_captured_is_said(make):
    """Loss is a reason for doubt."""
    alert = last(make, make.cloud(0, missed=4_000_000, final=True))
    assert alert.missed_bytes == 4_000_000
    assert "4.0 MB of this traffic were on the wire but not in the capture." in alert.counter_evidence


def test_weak_rules_say_that_they_are(make):
    """An experimental rule, or one about apps, is a reason for doubt."""
    shaky = make.rule(status="experimental", side="client")
    doubts = last(make, make.cloud(0, rules=(shaky,), final=True)).counter_evidence
    assert "Rule EW-EXA-0001 is experimental: it has not been proven on many networks yet." in doubts
    assert "Apps and browsers use this destination: a person's device may be behind it." in doubts


def test_without_a_policy_the_doubt_is_said(make):
    """It may be wanted."""
    silent = last(make, make.cloud(0, final=True)).counter_evidence
    assert "No site policy speaks about this destination: it may be wanted." in silent


@pytest.mark.parametrize("name", ["{host}", "a" * 300 + ".example", "%s", "x{0.__class__}"])
def test_names_from_the_wire_are_text_and_nothing_else(make, name):
    """Neither braces nor length do harm."""
    alert = last(make, make.event(0, names=((name, "dns"),), final=True))
    assert alert.domain == name
    assert len(alert.message) < 900


def test_every_alert_ends_with_what_to_do(make):
    """In every family and state."""
    for facts in (
        {},
        {"names": (("n.example", "dns"),)},
        {"verdict": "violation"},
        {"direction": "inbound", "lport": 80},
        {"verdict": "p2p", "dest_class": "p2p", "protocols": ("stun",)},
        {"proto": 47, "rport": 0},
    ):
        for outcome in ("answered", "unanswered", "refused", "one_sided"):
            alert = last(make, make.event(0, outcome=outcome, final=True, **facts))
            assert alert.message.endswith(alert.remediation)
            assert alert.remediation.endswith(".")
            assert "{" not in alert.remediation
            assert "  " not in alert.message
            assert alert.evidence
            assert alert.counter_evidence


def test_makers_stand_without_an_article(make):
    """No 'a Axis'."""
    alert = last(make, make.cloud(1, vendor="Axis (SE)", final=True))
    assert "Maker of the camera: Axis (SE)." in alert.evidence


def test_a_service_without_server_names_does_not_lack_one(make):
    """A DNS query names no server it is sent to; a TLS handshake could have."""
    lines = last(
        make, make.event(1, service="dns", verdict="violation", policy="violation", final=True)
    ).evidence
    assert "It is DNS." in lines


def test_a_refusal_is_not_explained_as_silence(make):
    """Somebody answered, if only to say no."""
    alert = last(make, make.cloud(1, outcome="refused", final=True))
    assert "and was refused" in alert.message
    assert "Who refused cannot be seen from here: the far end itself, or a firewall in its name." in (
        alert.counter_evidence
    )
    assert not any("no answer" in line for line in alert.counter_evidence)


def test_what_the_packets_speak_is_told(make):
    """A rule about a protocol: its title says what is going on."""
    rtmp = make.p2p_rule(id="EW-MED-0001", title="RTMP push", dest_class="other", platform="")
    alert = last(make, make.event(0, rules=(rtmp,), final=True))
    assert alert.rule_id == "EW-MED-0001"
    assert "What the packets show: RTMP push." in alert.message
    assert "Rule EW-MED-0001: RTMP push." in alert.evidence
    assert not any("service that many use" in line for line in alert.evidence)


def test_what_everybody_may_speak_belongs_to_nobody(make):
    """'Any maker' is no owner."""
    facts = {"vendor": "generic", "platform": "generic/webrtc"}
    media = make.p2p_rule(id="EW-MED-0003", title="Media by WebRTC", **facts)
    alert = last(make, make.event(0, rules=(media,), verdict="p2p", dest_class="p2p", final=True))
    assert "Rule EW-MED-0003: Media by WebRTC." in alert.evidence


def test_a_service_known_by_its_name_is_told(make):
    """Nothing was recognised in the packets, so nothing is said of them."""
    title = "A public DNS-over-HTTPS resolver"
    resolver = make.rule(id="EW-DNS-0001", title=title, dest_class="infrastructure")
    alert = last(make, make.event(0, rules=(resolver,), names=(("dns.example", "sni"),), final=True))
    assert "What it is: A public DNS-over-HTTPS resolver." in alert.message


def test_a_proxy_is_told(make):
    """The address is the proxy's, the name is where it was asked to go."""
    alert = last(make, make.cloud(proxied=True, remote="10.0.0.5", rport=3128, final=True))
    assert "It asked 10.0.0.5 to connect it onward (HTTP CONNECT): that host is a proxy." in alert.evidence


def test_a_name_that_may_be_a_fronts_is_not_the_destination(make):
    """It is told as what it is; the address is what is known."""
    alert = last(make, make.event(0, names=(("front.example", "ech"),), final=True))
    assert alert.rule_id == "EW-UNK-0001"
    assert (alert.domain, alert.server_name) == ("", "front.example")
    assert "with ECH that may only be a front's name" in alert.message
    assert "front.example" not in alert.to
    assert "Find out who runs 203.0.113.9" in alert.remediation
