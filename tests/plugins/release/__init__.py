"""What is published, built and tried: `python -m tests.plugins.release --help`.

* `building` copies the tracked files, builds both archives of them, checks these.
* `pythons` finds the Pythons of this machine.
* `trials` says what is tried for each extra.
* `environments` makes a fresh environment, installs the wheel into it, runs things.
* `lowest` reads the lowest versions that the wheel allows.
"""
