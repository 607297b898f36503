"""One module for each library; each runs in a process, and an environment, of its own."""
