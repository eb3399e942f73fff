"""Changes of the schema between releases, run by alembic from `server/database/schema.py`. To add one: the next number in
`versions/` and in `schema.REVISIONS`, the new shape in `server/tables.py`; the tests compare the two."""
