"""How fast asyncdb is beside the drivers and its peers; see README.md."""
