"""What becomes of personal data: shown to their person, erased on request, deleted by the clock.

`former` (what stands for somebody who is gone), `redaction` (of the journal), `erasing` (of people, in the database),
`forgetting` (the same in a running server's memory), `retention` (the clock), `person_data` and `person_file` (what a person
gets to see). docs/privacy.md is the record of processing.
"""
