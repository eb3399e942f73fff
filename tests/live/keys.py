"""SRTP sessions for tests: keys that are the same each time."""

from __future__ import annotations

from pylibsrtp import Policy, Session

PROFILES = (
    Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
)


def sessions(profile: int = Policy.SRTP_PROFILE_AEAD_AES_256_GCM, seed: int = 1) -> tuple[Session, Session]:
    """The two ends of one direction: (outgoing, incoming). Replays are let out, as aiortc's sessions do."""
    made = []
    for kind in (Policy.SSRC_ANY_OUTBOUND, Policy.SSRC_ANY_INBOUND):
        policy = Policy(key=bytes(seed + octet & 0xFF for octet in range(46)), ssrc_type=kind, srtp_profile=profile)
        policy.allow_repeat_tx = True
        policy.window_size = 1024
        made.append(Session(policy))
    return made[0], made[1]
