# SPDX-License-Identifier: Apache-2.0
"""What is kept of a flow: names of certificates, and whether a TLS name may be an outer one."""

import pytest

from egresswatch.patterns import Parser
from egresswatch.records import FlowInfo, Item, Message
from egresswatch.sniff import facts
from egresswatch.sniff.certificate import Certificate


def message(src="203.0.113.9"):
    return Message(0, 0, 1, 0, 6, src, "10.0.0.5", 443, 40000, Parser.TLS, True, 0, 0, b"", 0, 0, 0, None)


def certificate(*names, common_name=""):
    data = Certificate(common_name, f"CN={common_name}", "CN=issuer", names)
    return Item("tls_cert_subject", common_name, "", data)


def learnt(*items, src="203.0.113.9"):
    info = FlowInfo()
    facts.add(info, message(src), Parser.TLS, items)
    return info


def test_a_certificates_names_are_kept_with_who_showed_it():
    """Alternative names first, then the common name; wildcards stand for their domain."""
    info = learnt(certificate("*.example.net", "api.example.net", common_name="Example.NET"))
    assert info.cert_names == ("example.net", "api.example.net")
    assert info.cert_from == "203.0.113.9"


@pytest.mark.parametrize(
    "name",
    ["IPC", "localhost", "10.0.0.5", "192.168.1.64", "IP Camera 1.0", "a..b", "-a.b", "x" * 64 + ".de"],
)
def test_what_is_no_host_name_is_left_out(name):
    """Cameras put products, serial numbers and addresses into their certificates."""
    assert learnt(certificate(common_name=name)).cert_names == ()


def test_the_first_certificate_counts():
    """A later one on the same flow changes nothing."""
    info = learnt(certificate("one.example"))
    facts.add(info, message("10.0.0.5"), Parser.TLS, (certificate("two.example"),))
    assert (info.cert_names, info.cert_from) == (("one.example",), "203.0.113.9")


def test_a_name_beside_ech_may_be_the_outer_one():
    """The detail of the sighting says so, and so does the flow."""
    assert learnt(Item("tls_sni", "front.example", "outer name, ECH offered")).outer_name
    assert not learnt(Item("tls_sni", "plain.example", "")).outer_name


def test_a_certificate_without_facts_gives_no_names():
    """Parsed by something that keeps the text only."""
    assert facts.cert_names(Item("tls_cert_subject", "a.example")) == ()
