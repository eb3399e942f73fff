"""Breakout rooms on the server: groups are composed and settled with what the people table knows (`composing`,
`requests`), rounds end when their time is over and nobody is left alone (`keeper`), pages ask for groups (`api`). The
rules are in `rooms/breakouts`, the search in `rooms/grouping`.
"""
