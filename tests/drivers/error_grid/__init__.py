"""What each engine makes of each mistake: the data behind docs/reference/errors.md.

`python -m tests.drivers.error_grid` writes the grid into that page.
"""
