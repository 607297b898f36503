"""`python -m tests.drivers.error_grid`: write the grid into its page."""

from tests.drivers.error_grid.grid import write

if __name__ == "__main__":
    write()
