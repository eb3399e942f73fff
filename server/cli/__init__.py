"""The commands of `plenum`, one module a subject. `server/__main__.py` puts them together."""
