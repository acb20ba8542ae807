# SPDX-License-Identifier: Apache-2.0
"""The pandas face for notebooks: reads what a replay wrote. The only package that imports pandas."""
