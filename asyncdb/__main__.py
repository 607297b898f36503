"""`python -m asyncdb`: the same as the command `asyncdb`, which starts without us."""

from _asyncdb_command import main

if __name__ == "__main__":
    main()
