# SPDX-License-Identifier: Apache-2.0
"""Reading names out of the first payloads of a flow: one parser a file, one engine that feeds them."""
