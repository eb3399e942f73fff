"""The composition root and everything that does I/O for people: journal, hub, identity, pages, exports, command line."""
