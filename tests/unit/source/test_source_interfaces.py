# SPDX-License-Identifier: Apache-2.0
"""How interface counters add up over sections and files."""

import pytest

from egresswatch.source.interfaces import MAX_INTERFACES, MAX_RUNS, Counters, InterfaceTable


def facts_after(*told):
    """Facts of one interface after these sections."""
    facts = []
    table = InterfaceTable(facts)
    for counters in told:
        table.end_section(table.index("eth0", 1, None), counters)
    return facts[0]


def test_the_same_interface_of_several_files_is_one():
    """Name, link type, snap length and place in the section tell interfaces apart."""
    facts = []
    table = InterfaceTable(facts)
    assert table.index("eth0", 1, 96) == table.index("eth0", 1, 96) == 0
    others = [("eth0", 1, 96, 1), ("eth1", 1, 96), ("eth0", 101, 96)]
    assert [table.index(*other) for other in others] == [1, 2, 3]
    table.add_packets(2, 7)
    assert [face.packets for face in facts] == [0, 0, 7, 0]


def test_counters_of_one_capture_run_replace_each_other():
    """Files of a ring count from the start of the capture: the highest count stands."""
    facts = facts_after(Counters(77, 100, 3), Counters(77, 250, 5))
    assert (facts.received, facts.dropped) == (250, 5)


@pytest.mark.parametrize("starts", [(77, 99), (None, None), (77, None)])
def test_counters_of_different_runs_add_up(starts):
    """Other start times, or none told, are captures of their own."""
    facts = facts_after(Counters(starts[0], 100, 3), Counters(starts[1], 250, 5))
    assert (facts.received, facts.dropped) == (350, 8)


def test_no_drops_is_told_only_when_every_section_told_it():
    """A file without counters (cut, or plain pcap) leaves received and a drop count of 0 unknown."""
    facts = facts_after(Counters(77, 100, 0), Counters())
    assert (facts.received, facts.dropped) == (None, None)
    assert facts_after(Counters(77, 100, 4), Counters()).dropped == 4
    assert facts_after(Counters(77, 100, 0)).dropped == 0


def test_the_tables_are_bounded():
    """Further interfaces share the last entry, further runs one sum."""
    facts = []
    table = InterfaceTable(facts)
    assert [table.index(f"if{n}", 1, None) for n in range(MAX_INTERFACES + 10)][-1] == MAX_INTERFACES - 1
    assert len(facts) == MAX_INTERFACES
    for start in range(MAX_RUNS + 10):
        table.end_section(0, Counters(start, 1, 1))
    assert (facts[0].received, facts[0].dropped) == (MAX_RUNS + 10, MAX_RUNS + 10)
