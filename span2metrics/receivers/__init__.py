"""The ways in for spans.  A receiver knows its protocol; what becomes of a request it leaves to the intake."""
