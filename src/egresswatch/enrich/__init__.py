# SPDX-License-Identifier: Apache-2.0
"""Who is who: inventory, register of hosts, passive names, countries and operators."""
