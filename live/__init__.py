"""Real-time media: ICE-lite, DTLS, RTP and RTCP, SDP, forwarding, slots, worker processes.

Knows peers, tracks and slots; never polls or people. `control` is the only module that the rest of Plenum uses.
"""
