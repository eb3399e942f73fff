"""A nemesis in the manner of Jepsen: people answer, ask, vote, come and go while what they depend on is killed, frozen, cut
off and filled up. Afterwards what each of them was told is compared with what is in the database.

`schedule`: what happens when, from a seed. `clients`: people, over the real protocol; `history`: what they sent, were told
and saw. `place`, `nodes`, `relay`, `disk`: what there is to break; `nemesis` breaks it. `round`: one conference; `rest`: its
end. `judge`, `views`, `tallies`, `minutes`: history against database, pure. `run`: one round after another.
"""
