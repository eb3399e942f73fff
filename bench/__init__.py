"""Benchmarks: `make bench-NAME` prints a table and, as its last line, JSON. Figures and methods: `docs/benchmarks.md`."""
