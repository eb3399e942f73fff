/* What the parts of the compiled helper share: `native.c` sends, `receiving.c` receives, `feedback.c` reads transport-wide
 * feedback. Mirrored by native.py and inbox.py. */
#ifndef PLENUM_NATIVE_H
#define PLENUM_NATIVE_H

#include <netinet/in.h>
#include <stdint.h>

enum {
    LONGEST = 2048,
    FLOWS = 16,
    REPORTERS = 4,
    RING = 1024, /* entries; and so the most windows that one feedback gives */
    WINDOWS = 2 * RING,
};
#define NO_EPOCH INT64_MIN

typedef int (*transform)(void *session, void *packet, int *length);

/* A source that a client sends, and what is agreed about it; ids and payload types 0: not agreed. */
struct flow {
    uint32_t ssrc;
    uint8_t used, payload_type, red_payload_type;
    uint8_t transport_id, level_id, dependency_id;
    uint8_t unused[2];
};

/* What came of 40 ms of sending: `Window` in sent.py. */
struct window {
    double first_sent, last_sent, arrived, delay;
    int64_t octets;
};

/* A client: where it is, what encrypts for it and what decrypts, and what is known of the packets it was sent. What the
 * pointers point to belongs to Python. */
struct line {
    void *session;    /* that protects; NULL: DTLS is not complete */
    void *incoming;   /* that unprotects */
    int16_t *sizes;   /* rings of what was sent, by transport-wide number: octets, and when. NULL: none is kept */
    double *times;
    uint64_t packets; /* that went out */
    uint64_t octets;  /* that it was to get, before encryption */
    uint64_t dropped; /* packets that did not go out: no room in the socket, no route */
    uint64_t bad;     /* packets of its own that could not be decrypted */
    struct line *after; /* in its bucket of the directory */
    struct window open;
    double end;         /* of the open window */
    double losses_from; /* losses of packets sent before are not counted */
    int64_t epoch;      /* the newest reference time, unwrapped */
    int32_t told;       /* the newest transport-wide number that feedback spoke of */
    int32_t number;     /* Python's, in events */
    int32_t fd;         /* -1: not reached by UDP */
    int32_t mask;       /* of the rings */
    uint32_t address_length;
    uint16_t next;      /* transport-wide number of the next packet */
    uint16_t is_listed; /* in a directory */
    uint8_t address[sizeof(struct sockaddr_in6)];
    uint32_t reporters[REPORTERS]; /* SSRCs that its RTCP comes from */
    uint32_t reporters_known;
    struct flow flows[FLOWS];
};

/* What happened. `number`: the client's, -1: none is known there. `at` and `length` say where in the inbox's octets.
 * DATAGRAM: from the name `sequence`, `second` octets long. MEDIA: the fields of the header (`second`: its second octet; -1:
 * none) and the payload; `whole` is the packet's length. PACKET and FEEDBACK: decrypted RTP and RTCP for Python to read.
 * TOLD: `sequence` packets came, `second` were lost, `flow` octets came, `length` windows stand from `at` on. */
enum kind { DATAGRAM, MEDIA, PACKET, FEEDBACK, TOLD };

struct event {
    int32_t kind, number;
    uint32_t timestamp;
    int32_t sequence, second, flow, level, transport, at, length, dependency_at, dependency_length, whole, unused;
    double sent_at, arrived;
};

struct inbox {
    transform unprotect, unprotect_rtcp;
    struct line **buckets; /* the directory: clients by socket and address */
    uint8_t *octets;       /* BATCH * LONGEST */
    struct sockaddr_in6 *names;
    struct event *events;  /* BATCH */
    struct window *windows; /* WINDOWS */
    uint64_t strangers;    /* media from unknown addresses */
    int32_t mask;          /* buckets less one */
    int32_t windows_used;
};

int plenum_take_feedback(struct inbox *, struct line *, struct event *, const uint8_t *, int);

#endif
