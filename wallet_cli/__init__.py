"""The holder's program: keys, opening, verifying, granting, showing.

``commands`` parse, call and render; ``services`` do the work and know no terminal.
"""
