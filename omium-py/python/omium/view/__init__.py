"""Recorded values and text as people read them: inspected, laid out, compared, and without their secrets."""
