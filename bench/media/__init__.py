"""`make bench-media`: the media engine against Janus, with the same clients in another network namespace."""
