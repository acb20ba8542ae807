# SPDX-License-Identifier: Apache-2.0
"""Rules: strict files in, immutable look-up tables out. Vendor knowledge lives in the rule pack
(``rules/`` of the repository), never in Python.
"""

from __future__ import annotations

from egresswatch.rules.loader import builtin_path, load_tables
from egresswatch.rules.makers import Fingerprint, Oui, Vendor
from egresswatch.rules.model import Issue, Rule, RulePackError
from egresswatch.rules.tables import MatchTables

__all__ = [
    "Fingerprint",
    "Issue",
    "MatchTables",
    "Oui",
    "Rule",
    "RulePackError",
    "Vendor",
    "builtin_path",
    "load_tables",
]
