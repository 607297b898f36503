"""One module for each library; each runs in a process and environment of its own."""
