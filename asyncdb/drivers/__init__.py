"""The drivers in the tree; each is reached through its entry point only."""
