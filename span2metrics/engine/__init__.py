"""The core: bytes and a clock reading in, bytes out.

`plan` says what to do, `policy` names series in plain Python, `core` (compiled) decodes, counts and renders.
"""
