"""What people build on asyncdb: each module is an example to copy, and tested whole.

They use the front door alone, and each names the extra that it needs.
"""
