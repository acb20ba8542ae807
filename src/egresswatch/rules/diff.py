# SPDX-License-Identifier: Apache-2.0
"""What changed between two packs, in lines a reviewer can read: ``rules diff``."""

from __future__ import annotations

from dataclasses import fields

from egresswatch.rules.model import Pack, Rule

UNTOLD = ("path", "line")


def changes(old: Pack, new: Pack) -> list[str]:
    """One line a rule that was added (+), removed (-) or changed (~); then makers and fingerprints."""
    before = {rule.id: rule for rule in old.rules}
    after = {rule.id: rule for rule in new.rules}
    lines = []
    for rule_id in sorted(before.keys() | after.keys()):
        if rule_id not in before:
            lines.append(f"+ {rule_id} {after[rule_id].title}")
        elif rule_id not in after:
            lines.append(
                f"- {rule_id} {before[rule_id].title} (an id is never used again: deprecate it instead)"
            )
        elif before[rule_id] != after[rule_id]:
            lines.append(f"~ {rule_id} {_changed(before[rule_id], after[rule_id])}")
    for what, one, other in (
        ("makers", old.vendors, new.vendors),
        ("OUI groups", old.ouis, new.ouis),
        ("fingerprints", old.fingerprints, new.fingerprints),
    ):
        if set(one) != set(other):
            lines.append(
                f"~ {what}: {len(set(other) - set(one))} new or changed, {len(set(one) - set(other))} gone"
            )
    return lines


def _changed(old: Rule, new: Rule) -> str:
    names = [
        field.name
        for field in fields(Rule)
        if field.name not in UNTOLD and getattr(old, field.name) != getattr(new, field.name)
    ]
    note = " (but rev is the same)" if old.rev == new.rev else ""
    return ", ".join(names) + note
