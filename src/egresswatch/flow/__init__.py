# SPDX-License-Identifier: Apache-2.0
"""Packet rows to biflows: the table, its clock, its records, and which payloads are handed up."""
