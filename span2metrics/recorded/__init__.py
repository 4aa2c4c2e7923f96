"""What a configuration makes of recorded spans, for people: `explain` span by span, `preview` in all.

Nothing here knows a rule: the spans go through the engine itself, as often as there is a question, and what it then has
is told.  So what is said is what the daemon would do.
"""
