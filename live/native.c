/* The inner loop of forwarding: a burst of packets to many viewers. For each viewer a copy of each packet with its own
 * transport-wide sequence number, then SRTP; packets of a burst that are equally long leave as one datagram that the kernel
 * cuts up (UDP GSO), and up to MESSAGES of those in one sendmmsg. Optional: native.py is what Python sees of it, and the loop
 * in Python the reference.
 *
 * Encryption is that of sealing.c where it can be, else libsrtp's srtp_protect, whose address comes from the binding that made the
 * sessions: nothing is linked. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "native.h"

enum {
    MESSAGES = 64,
    BURST = 64,      /* packets a call, and segments a message: the kernel's UDP_MAX_SEGMENTS */
    TRAILER = 148,   /* as srtp.py has it */
    ARENA = 1 << 17, /* octets that wait to be sent: they stay in the second cache */
    LONGEST_MESSAGE = 60000, /* octets, less than UDP allows */
    IP_UDP = 17,
    SEGMENT = 103,   /* UDP_SEGMENT, where the C library's headers are older */
};

struct group {
    struct line **lines;
    int32_t *left; /* as many as lines */
    int32_t count;
};

/* `transport_at`: where the transport-wide number stands; 0: nowhere. */
struct packet {
    const uint8_t *octets;
    int32_t length;
    int32_t transport_at;
};

/* What is protected and not yet sent, all of it over one socket. A message is `segments` packets of one viewer, all of one
 * size. */
struct outbox {
    struct line *lines[MESSAGES];
    struct mmsghdr messages[MESSAGES];
    struct iovec vectors[MESSAGES];
    uint16_t segments[MESSAGES];
    uint16_t sizes[MESSAGES];
    union {
        char octets[CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr aligned;
    } controls[MESSAGES];
    int ready;
    int used;
};

static void note(struct line *line, int packets, int sent) {
    *(sent ? &line->packets : &line->dropped) += (uint64_t)packets;
}

/* A message that could not be sent whole, packet by packet: a route or a device may not take segments. */
static void send_singly(struct outbox *box, int i) {
    const uint8_t *octets = box->vectors[i].iov_base;
    struct line *line = box->lines[i];
    for (int n = 0; n < box->segments[i]; n++, octets += box->sizes[i]) {
        const struct sockaddr *to = (const struct sockaddr *)line->address;
        ssize_t sent = sendto(line->fd, octets, box->sizes[i], 0, to, line->address_length);
        note(line, 1, sent >= 0);
    }
}

static void flush(struct outbox *box) {
    int done = 0;
    while (done < box->ready) {
        int n = sendmmsg(box->lines[done]->fd, box->messages + done, (unsigned)(box->ready - done), 0);
        for (int i = 0; i < n; i++, done++) note(box->lines[done], box->segments[done], 1);
        if (n > 0 || errno == EINTR) continue;
        if (box->segments[done] > 1 && errno != EAGAIN)
            send_singly(box, done);
        else
            note(box->lines[done], box->segments[done], 0);
        done++;
    }
    box->ready = box->used = 0;
}

/* A packet of `size` octets stands at the end of the arena: it goes with the viewer's last one, or begins a message. */
static void append(struct outbox *box, struct line *line, uint8_t *octets, int size) {
    int last = box->ready - 1;
    box->used += size;
    if (last >= 0 && box->lines[last] == line && box->sizes[last] == size && box->segments[last] < BURST &&
        box->vectors[last].iov_len + (size_t)size <= LONGEST_MESSAGE) {
        struct msghdr *header = &box->messages[last].msg_hdr;
        box->vectors[last].iov_len += (size_t)size;
        if (++box->segments[last] > 2) return;
        header->msg_control = box->controls[last].octets;
        header->msg_controllen = sizeof box->controls[last].octets;
        struct cmsghdr *control = CMSG_FIRSTHDR(header);
        control->cmsg_level = IP_UDP;
        control->cmsg_type = SEGMENT;
        control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
        memcpy(CMSG_DATA(control), &box->sizes[last], sizeof(uint16_t));
        return;
    }
    int i = box->ready++;
    box->lines[i] = line;
    box->segments[i] = 1;
    box->sizes[i] = (uint16_t)size;
    box->vectors[i] = (struct iovec){octets, (size_t)size};
    box->messages[i].msg_hdr = (struct msghdr){
        .msg_name = line->address, .msg_namelen = line->address_length, .msg_iov = &box->vectors[i], .msg_iovlen = 1};
}

/* Sends `packets` to a group, in order. `now`: monotonic seconds. Returns how many viewers are not reached by UDP, with their
 * numbers in `left`; -1: there are too many packets, or one is too long. */
int plenum_send(const struct group *group, const struct packet *packets, int count, double now) {
    static __thread uint8_t arena[ARENA];
    static __thread struct outbox box;
    int count_left = 0, fd = -1;
    if (count < 0 || count > BURST) return -1;
    for (int p = 0; p < count; p++) {
        const struct packet *packet = &packets[p];
        int at = packet->transport_at;
        if (packet->length < 12 || packet->length > LONGEST - TRAILER || at < 0 || at + 2 > packet->length) return -1;
    }
    box.ready = box.used = 0;
    for (int32_t i = 0; i < group->count; i++) {
        struct line *line = group->lines[i];
        if (line->fd < 0) {
            group->left[count_left++] = i;
            continue;
        }
        if (line->fd != fd) flush(&box);
        fd = line->fd;
        for (int p = 0; p < count; p++) {
            const struct packet *packet = &packets[p];
            int size = packet->length, at = packet->transport_at;
            if (box.ready == MESSAGES || box.used + LONGEST > ARENA) flush(&box);
            uint8_t *octets = arena + box.used;
            memcpy(octets, packet->octets, (size_t)size);
            line->octets += (uint64_t)size;
            if (at) {
                uint16_t number = line->next++;
                octets[at] = (uint8_t)(number >> 8);
                octets[at + 1] = (uint8_t)number;
                if (line->sizes) {
                    line->sizes[number & line->mask] = (int16_t)size;
                    line->times[number & line->mask] = now;
                }
            }
            if (line->protect(line->session, octets, &size))
                line->dropped++;
            else
                append(&box, line, octets, size);
        }
    }
    flush(&box);
    return count_left;
}

/* For Python to see that it speaks of the same. */
int plenum_line_size(void) {
    return (int)sizeof(struct line);
}
