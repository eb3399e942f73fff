"""The domain of Plenum: conference, programme, stage, polls, questions, attendance, evaluation.

Pure: no I/O, no clock, no asyncio. Every aggregate is a pair of functions:

    decide(state, actor, command, now) -> list of events, or raises `Refused`
    apply(state, event)                -> the next state

The live view, the resume after a reconnect, the replay, the reports and the tests all run the same two.
"""
