/* What the parts of the compiled helper share: `native.c` sends, `receiving.c` receives, `feedback.c` reads transport-wide
 * feedback, `bandwidth.c` estimates by it, `sealing.c` encrypts. Mirrored by mirrored.py, native.py and inbox.py. */
#ifndef PLENUM_NATIVE_H
#define PLENUM_NATIVE_H

#include <netinet/in.h>
#include <stdint.h>

enum {
    LONGEST = 2048,
    FLOWS = 16,
    REPORTERS = 4,
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

/* What is known of a client's path: `DelayTrend`, `Losses`, `AcknowledgedRate`, `Probing` and `Estimator` of delay.py, loss.py,
 * probing.py and bandwidth.py, field by field. */
struct trend {
    double queue, trend, threshold, queue_limit, at, standing_since, base, base_before, base_at, n, x, y, xx, xy;
    int32_t above, signal;
};

struct losses {
    double came, lost, fraction, at, cut_at, least, least_before, least_since;
};

struct acknowledged { /* `smooth` is called `long` there, `newest` `short` */
    double smooth, newest, before, since;
    int64_t octets;
};

struct probing {
    double next_at, ended_at, target, media, started_at, asked_at, sent, arrived, sent_from, from;
    int64_t padding, octets, came, lost;
    int32_t failures, is_running;
};

struct estimator {
    struct trend delay;
    struct losses losses;
    struct acknowledged acknowledged;
    struct probing probing;
    double rate, media, capacity, resume, silenced, cut_at, updated_at, heard_at, waiting_since, rtt, wanted;
    double told_at, spent, spent_at;
};

/* How many of something a second: `Budget` in limits.py. */
struct budget {
    double rate, left, at;
};

/* A client: where it is, what encrypts for it and what decrypts, and what is known of the packets it was sent. What the
 * pointers point to belongs to Python. */
struct line {
    transform protect; /* with `session`: libsrtp's, or that of sealing.c */
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
    double heard_at;    /* when its feedback was last read here; monotonic seconds */
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
    struct budget feedback; /* RTCP packets that are read */
    struct estimator estimator;
};

/* What happened. `number`: the client's, -1: none is known there. `at` and `length` say where in the inbox's octets.
 * DATAGRAM: from the name `sequence`, `second` octets long. MEDIA: the fields of the header (`second`: its second octet; -1:
 * none) and the payload; `whole` is the packet's length. PACKET and FEEDBACK: decrypted RTP and RTCP for Python to read.
 * TOLD: feedback has been taken, and something is left to do: `sequence` octets of padding are to be sent; `second`: more is
 * spent than is estimated (and padding not decided on); `flow`: an outage has ended. */
enum kind { DATAGRAM, MEDIA, PACKET, FEEDBACK, TOLD };

struct event {
    int32_t kind, number;
    uint32_t timestamp;
    int32_t sequence, second, flow, level, transport, at, length, dependency_at, dependency_length, whole;
};

struct inbox {
    transform unprotect, unprotect_rtcp;
    struct line **buckets; /* the directory: clients by socket and address */
    uint8_t *octets;       /* BATCH * LONGEST */
    struct sockaddr_in6 *names;
    struct event *events;  /* BATCH */
    uint64_t strangers;    /* media from unknown addresses */
    int32_t mask;          /* buckets less one */
    int32_t unused;
};

/* feedback.c */
enum outcome { UNREAD, TAKEN, LEFT }; /* not feedback, or not to be read here; done; done, and something is left to do */
enum outcome plenum_take_feedback(struct line *, struct event *, const uint8_t *, int, double now);

/* bandwidth.c */
void plenum_take_window(struct estimator *, const struct window *);
void plenum_take(struct line *, int came, int lost, int octets, double sent_at, double arrived, double now);
int plenum_is_overspent(const struct line *, double now);
int plenum_probe(struct line *, double now);

#endif
