# SPDX-License-Identifier: Apache-2.0
"""One alert or flow, packet by packet, read by tshark: for the rare question, never for the rate.

The only package that runs tshark and imports pyshark. Nothing it gives holds a credential or the
bytes of an image (``redact``).
"""
