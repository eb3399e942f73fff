"""A breakout room's shared notes: everybody in the room writes in the same text at the same time.

`document` (the text as a CRDT in the format of Yjs, without I/O), `notebook` (the rows), `api` (how pages write, read and
hear of it). Pages have the same document in `web/static/notes.js`.
"""
