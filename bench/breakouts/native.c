/* The people of breakout rooms, in one thread: they send, decrypt and count what comes, and tell what a browser would. In
 * Python, 120 of them needed more than the machine has, and what starved was measured. Built and loaded by native.py. Linux. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "../media/feedback.h"

enum { KINDS = 2, VIDEO = 0, SLOTS = 16, KEPT = 4096, BATCH = 64, LONGEST = 2048, CHECK = 256, STEP_NS = 10000, STEPS = 100000 };
enum { AGGREGATE = 1 << 16, UDP_GRO_OPTION = 104 }; /* octets of datagrams that the kernel has left together; <linux/udp.h> */
enum { PLAIN_FIRST, PLAIN_LAST, KEY_FIRST, TEMPLATES };

static const uint64_t MILLISECOND = 1000000, SECOND = 1000000000, SILENCE = 300000000;

/* What one person sends of a kind. All are mirrored by native.py. */
struct stream {
    uint8_t templates[TEMPLATES][LONGEST]; /* packets without their numbers; sound is always a "plain first" one */
    int32_t length;
    int32_t transport_at; /* where the transport-wide number stands; 0: nowhere */
    uint32_t per_picture; /* packets */
    uint32_t step;        /* of the RTP timestamp, for each picture */
    uint32_t person;
    uint32_t number; /* of the next packet */
    volatile uint32_t wants_key;
    uint32_t counted; /* that left in the window */
    uint64_t every;   /* nanoseconds between packets */
    uint64_t due;     /* when the next one leaves, of the monotonic clock */
    uint64_t sent_at[KEPT]; /* nanoseconds since 1970, by the number modulo KEPT */
};

/* What arrives by one SSRC. */
struct slot {
    uint32_t ssrc;
    uint16_t kind;
    uint16_t highest;
    uint32_t heard;
    uint32_t counted; /* packets of the window, each once */
    int32_t source;   /* the person; -1: not known yet */
    uint32_t reserved;
    uint64_t seen[KEPT / 64]; /* a bit for each, by its number modulo KEPT */
};

/* One connection. */
struct member {
    struct transport transport;
    struct slot slots[SLOTS];
    uint32_t slots_used;
    int32_t person; /* whose streams it sends; -1: none */
    uint32_t sent;
    uint32_t bad; /* packets that could not be decrypted */
    void *outgoing, *incoming; /* SRTP sessions */
    struct sockaddr_in server;
    struct in_addr address; /* its own */
    uint32_t check_length;
    uint8_t check[CHECK]; /* a binding request */
    uint64_t first_heard, last_heard, heard_again; /* when sound came; after a silence; nanoseconds since 1970, 0: never */
    uint64_t feedback_due, report_due, check_due;
    volatile uint32_t is_up;
    uint32_t reserved;
};

struct window {
    volatile uint64_t begins, ends; /* nanoseconds since 1970 */
    uint64_t strange; /* packets whose delay cannot be */
    uint64_t moved;   /* times that a slot's source changed */
    uint32_t delays[STEPS + 1];
};

typedef int (*transform)(void *session, void *packet, int *length);

struct crowd {
    int32_t fd, up; /* the socket that all share; where Python hears what it has to see */
    uint32_t base;  /* the last 16 bits of the first member's address */
    uint32_t most;
    volatile uint32_t members_used, stop;
    struct member *members;
    struct stream (*streams)[KINDS]; /* by person */
    uint32_t people;
    uint32_t reserved;
    struct window *window;
    transform protect, protect_rtcp, unprotect, unprotect_rtcp;
};

static uint64_t now_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static uint32_t get32(const uint8_t *data) {
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

static void put32(uint8_t *out, uint32_t value) {
    put16(put16(out, value >> 16), value);
}

/* --- sending --- */

struct outbox {
    int fd;
    unsigned ready;
    uint8_t packets[BATCH][LONGEST] __attribute__((aligned(8)));
    uint8_t controls[BATCH][CMSG_SPACE(sizeof(struct in_pktinfo))] __attribute__((aligned(8)));
    struct iovec vectors[BATCH];
    struct mmsghdr messages[BATCH];
};

/* What does not fit into the socket is lost, as on any network. */
static void flush(struct outbox *out) {
    for (unsigned sent = 0; sent < out->ready;) {
        int n = sendmmsg(out->fd, out->messages + sent, out->ready - sent, MSG_DONTWAIT);
        sent += n > 0 ? (unsigned)n : 1;
    }
    out->ready = 0;
}

/* Sends the next packet of the box, `length` octets from the member's address. */
static void post(struct outbox *out, const struct member *from, int length) {
    unsigned at = out->ready++;
    struct msghdr *header = &out->messages[at].msg_hdr;
    out->vectors[at] = (struct iovec){out->packets[at], (size_t)length};
    *header = (struct msghdr){.msg_name = (void *)&from->server,
                              .msg_namelen = sizeof from->server,
                              .msg_iov = &out->vectors[at],
                              .msg_iovlen = 1,
                              .msg_control = out->controls[at],
                              .msg_controllen = sizeof out->controls[at]};
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    struct in_pktinfo info = {.ipi_spec_dst = from->address};
    control->cmsg_level = IPPROTO_IP;
    control->cmsg_type = IP_PKTINFO;
    control->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(control), &info, sizeof info);
    if (out->ready == BATCH) flush(out);
}

/* Writes the stream's next packet, not yet protected, and returns its length. */
int next_packet(struct stream *s, uint16_t transport_number, uint8_t *out) {
    uint32_t position = s->number % s->per_picture, which = position ? PLAIN_LAST : PLAIN_FIRST;
    if (!position && s->wants_key && s->per_picture > 1) {
        s->wants_key = 0;
        which = KEY_FIRST;
    }
    memcpy(out, s->templates[which], (size_t)s->length);
    put16(out + 2, s->number);
    put32(out + 4, s->number / s->per_picture * s->step);
    if (s->transport_at) put16(out + s->transport_at, transport_number);
    put32(out + s->length - 4, s->number);
    put16(out + s->length - 6, s->person);
    s->number++;
    return s->length;
}

static void send_due(struct crowd *c, struct outbox *out, struct member *m, uint64_t now) {
    for (int kind = 0; kind < KINDS; kind++) {
        struct stream *s = &c->streams[m->person][kind];
        if (s->due + SECOND < now) s->due = now; /* this machine was away: what was not sent is not sent all at once */
        for (; s->due <= now; s->due += s->every) {
            uint64_t at = now_ns(CLOCK_REALTIME);
            uint32_t number = s->number;
            int length = next_packet(s, (uint16_t)m->sent++, out->packets[out->ready]);
            s->sent_at[number % KEPT] = at;
            if (at >= c->window->begins && at < c->window->ends) s->counted++;
            if (!c->protect(m->outgoing, out->packets[out->ready], &length)) post(out, m, length);
        }
    }
}

/* A receiver report (RFC 3550, 6.4.2) of the sources that have been heard. Returns its length. */
int make_report(const struct member *m, uint8_t *out) {
    uint8_t *at = out + 8;
    int blocks = 0;
    for (uint32_t i = 0; i < m->slots_used; i++) {
        const struct slot *s = &m->slots[i];
        if (!s->heard) continue;
        memset(at, 0, 24);
        put32(at, s->ssrc);
        put32(at + 8, s->highest);
        at += 24;
        blocks++;
    }
    out[0] = (uint8_t)(0x80 | blocks);
    out[1] = 201;
    put16(out + 2, (uint32_t)(1 + 6 * blocks));
    put32(out + 4, 1);
    return (int)(at - out);
}

static int is_due(uint64_t *due, uint64_t now, uint64_t every) {
    if (now < *due) return 0;
    *due = *due ? now + every : now + every * (now / MILLISECOND % 100) / 100; /* not all at the same moment */
    return 1;
}

/* Transport-wide feedback ten times a second, reports every second, consent every five (RFC 7675, 5.1). */
static void tell(struct crowd *c, struct outbox *out, struct member *m, uint64_t now) {
    int length;
    if (is_due(&m->feedback_due, now, 100 * MILLISECOND) && m->transport.id &&
        (length = make_feedback(&m->transport, out->packets[out->ready])) &&
        !c->protect_rtcp(m->outgoing, out->packets[out->ready], &length))
        post(out, m, length);
    if (is_due(&m->report_due, now, SECOND)) {
        length = make_report(m, out->packets[out->ready]);
        if (!c->protect_rtcp(m->outgoing, out->packets[out->ready], &length)) post(out, m, length);
    }
    if (m->check_length && is_due(&m->check_due, now, 5 * SECOND)) {
        memcpy(out->packets[out->ready], m->check, m->check_length);
        post(out, m, (int)m->check_length);
    }
}

/* --- receiving --- */

static void count(struct slot *s, const struct stream *from, uint32_t number, uint64_t arrived, struct window *w) {
    uint64_t left = from->sent_at[number % KEPT], *word = &s->seen[number % KEPT / 64], bit = (uint64_t)1 << number % 64;
    if (left < w->begins || left >= w->ends || *word & bit) return;
    *word |= bit;
    s->counted++;
    int64_t delay = (int64_t)(arrived - left);
    if (delay < 0 || delay > 60 * (int64_t)SECOND) w->strange++;
    else w->delays[delay / STEP_NS < STEPS ? delay / STEP_NS : STEPS]++;
}

/* `data` is decrypted. Its end says who sent it, and its number. */
static void take_plain(struct crowd *c, struct member *m, struct slot *s, const uint8_t *data, int length, uint64_t arrived) {
    if (length < 60 || data[0] & 0x20) return; /* nothing but padding */
    uint32_t person = (uint32_t)(data[length - 6] << 8 | data[length - 5]), number = get32(data + length - 4);
    if (person >= c->people) return;
    if (s->source != (int32_t)person) {
        c->window->moved += s->source >= 0 && arrived >= c->window->begins && arrived < c->window->ends;
        s->source = (int32_t)person;
        memset(s->seen, 0, sizeof s->seen);
    }
    if (s->kind != VIDEO) {
        if (!m->first_heard) m->first_heard = arrived;
        if (m->last_heard + SILENCE < arrived) m->heard_again = arrived;
        m->last_heard = arrived;
    }
    count(s, &c->streams[person][s->kind], number, arrived, c->window);
}

static void take_rtp(struct crowd *c, struct member *m, uint8_t *data, int length, uint64_t arrived) {
    uint32_t ssrc = get32(data + 8);
    if (m->transport.id) note_transport(&m->transport, data, (uint32_t)length, arrived);
    for (uint32_t i = 0; i < m->slots_used; i++) {
        struct slot *s = &m->slots[i];
        if (s->ssrc != ssrc) continue;
        s->highest = (uint16_t)(data[2] << 8 | data[3]);
        s->heard++;
        if (c->unprotect(m->incoming, data, &length)) m->bad++;
        else take_plain(c, m, s, data, length, arrived);
        return; /* others are repairs, and tests of bandwidth */
    }
}

/* A wish for a key frame (RFC 4585, 6.3.1; RFC 5104, 4.3.1) is one for the picture: there is no other. */
static void take_rtcp(struct crowd *c, struct member *m, uint8_t *data, int length) {
    if (m->person < 0) return;
    if (c->unprotect_rtcp(m->incoming, data, &length)) {
        m->bad++;
        return;
    }
    for (int at = 0, size; at + 4 <= length; at += size) {
        size = 4 * ((data[at + 2] << 8 | data[at + 3]) + 1);
        if (data[at + 1] == 206 && ((data[at] & 31) == 1 || (data[at] & 31) == 4)) c->streams[m->person][VIDEO].wants_key = 1;
    }
}

static void take(struct crowd *c, uint32_t index, const uint8_t *data, uint32_t length, uint64_t arrived) {
    static __thread uint8_t packet[4 + LONGEST] __attribute__((aligned(8)));
    struct member *m = &c->members[index];
    if (!length || length > LONGEST) return;
    memcpy(packet, &index, 4);
    memcpy(packet + 4, data, length);
    if (data[0] < 64) send(c->up, packet, 4 + length, MSG_DONTWAIT); /* STUN, DTLS: if it is full, the like comes again */
    else if (!m->is_up || length < 12) return;
    else if (data[1] >= 192 && data[1] <= 223) take_rtcp(c, m, packet + 4, (int)length);
    else take_rtp(c, m, packet + 4, (int)length, arrived);
}

/* Where a datagram was sent to, when the kernel had it, and in what lengths it is to be cut. */
static void read_controls(struct msghdr *message, uint32_t *address, uint64_t *arrived, uint32_t *each) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            *address = ntohl(info.ipi_addr.s_addr);
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            *arrived = (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
        } else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO_OPTION) {
            int size;
            memcpy(&size, CMSG_DATA(c), sizeof size);
            if (size > 0) *each = (uint32_t)size;
        }
    }
}

struct inbox {
    uint8_t buffers[BATCH][AGGREGATE];
    uint8_t controls[BATCH][128] __attribute__((aligned(8)));
    struct iovec vectors[BATCH];
    struct mmsghdr messages[BATCH];
};

/* Returns how many datagrams it took, or less than 0, an errno. */
static int receive(struct crowd *c, struct inbox *in) {
    for (int i = 0; i < BATCH; i++) {
        in->vectors[i] = (struct iovec){in->buffers[i], AGGREGATE};
        in->messages[i].msg_hdr = (struct msghdr){.msg_iov = &in->vectors[i],
                                                  .msg_iovlen = 1,
                                                  .msg_control = in->controls[i],
                                                  .msg_controllen = sizeof in->controls[i]};
    }
    int n = recvmmsg(c->fd, in->messages, BATCH, MSG_DONTWAIT, NULL);
    if (n < 0) return errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED ? 0 : -errno;
    for (int i = 0; i < n; i++) {
        uint32_t length = in->messages[i].msg_len, each = length, address = 0;
        uint64_t arrived = 0;
        read_controls(&in->messages[i].msg_hdr, &address, &arrived, &each);
        uint32_t index = (address & 0xffff) - c->base;
        if (index >= c->members_used) continue;
        for (uint32_t at = 0; at < length; at += each)
            take(c, index, in->buffers[i] + at, length - at < each ? length - at : each, arrived);
    }
    return n;
}

/* Until `stop`. Looks once a millisecond, so that no wake-up is charged to the server, and takes datagrams that were sent
 * together as they come (UDP GRO): cutting them up would be charged to it, too, and is the network card's work where there
 * is one. Returns 0, or an errno. */
int run(struct crowd *c) {
    static __thread struct outbox out;
    static __thread struct inbox in;
    int yes = 1;
    out.fd = c->fd;
    setsockopt(c->fd, IPPROTO_UDP, UDP_GRO_OPTION, &yes, sizeof yes); /* an older kernel cuts them up */
    while (!c->stop) {
        uint64_t now = now_ns(CLOCK_MONOTONIC);
        for (uint32_t i = 0; i < c->members_used; i++) {
            struct member *m = &c->members[i];
            if (!m->is_up) continue;
            if (m->person >= 0) send_due(c, &out, m, now);
            tell(c, &out, m, now);
        }
        flush(&out);
        int n = receive(c, &in);
        if (n < 0) return -n;
        struct timespec pause = {0, (long)MILLISECOND};
        if (n < BATCH) nanosleep(&pause, NULL);
    }
    return 0;
}

/* So that native.py can see whether it mirrors this. */
void sizes(uint32_t out[4]) {
    out[0] = sizeof(struct stream), out[1] = sizeof(struct member), out[2] = sizeof(struct window), out[3] = sizeof(struct crowd);
}
