# SPDX-License-Identifier: Apache-2.0
"""The benchmark: workloads, the limit in C, the peers, and the pages of figures they give.

    python -m bench --stage flow --workload mixed --packets 200000

Owns everything that is measured and nothing of the program: it uses egresswatch as anybody can, by its
command and its public classes, and no part of egresswatch knows it. Figures are ratios to ``limit.c`` in the
same run; seconds alone say more about the machine than about a program.
"""
