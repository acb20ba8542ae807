# SPDX-License-Identifier: Apache-2.0
"""From flows with names to findings, cases and alerts. Decides; reads no packet, writes no file."""
