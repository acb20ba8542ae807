# SPDX-License-Identifier: Apache-2.0
"""Indicators and policy in the formats of others: Suricata rules, Sigma, STIX 2.1, firewall lists, MUD.

Reads and writes texts, nothing else: the command line says where they are. Two rules hold in every
file here. What a format cannot say is told as a ``Note`` and counted, never dropped in silence. And a
name from the wire or from a foreign file never becomes syntax: it is checked or quoted at one door
(``plain``). The same input gives the same bytes; no identifier depends on a clock or on chance.
"""
