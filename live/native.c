/* The inner loop of forwarding: one packet to many viewers. For each its own copy, its transport-wide sequence number and SRTP,
 * then one sendmmsg for up to BATCH of them. Optional: native.py is what Python sees of it, and the loop in Python the reference.
 *
 * Encryption is libsrtp's srtp_protect, whose address comes from the binding that made the sessions: nothing is linked. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, LONGEST = 2048, TRAILER = 144 /* SRTP_MAX_TRAILER_LEN */ };

typedef int (*protect_function)(void *session, void *packet, int *length);

/* A viewer. Mirrored by native.py; what the pointers point to belongs to Python. */
struct line {
    void *session;
    int16_t *sizes;   /* rings of what was sent, by transport-wide number: octets, and when. NULL: none is kept */
    double *times;
    uint64_t packets; /* that went out */
    uint64_t octets;
    int32_t fd;       /* -1: not reached by UDP */
    int32_t mask;     /* of the rings */
    uint32_t address_length;
    uint16_t next;    /* transport-wide number of the next packet */
    uint16_t unused;
    uint8_t address[sizeof(struct sockaddr_in6)];
};

struct group {
    protect_function protect;
    struct line **lines;
    int32_t *left;  /* as many as lines */
    int32_t count;
};

struct burst {
    struct line *lines[BATCH];
    int32_t numbers[BATCH];
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    int ready;
};

/* Sends what has been protected, all of it over one socket. Who cannot be sent to is left, the others are not. */
static int flush(struct burst *burst, int32_t *left, int count_left) {
    int done = 0;
    while (done < burst->ready) {
        int n = sendmmsg(burst->lines[done]->fd, burst->messages + done, (unsigned)(burst->ready - done), 0);
        for (int i = 0; i < n; i++, done++) {
            burst->lines[done]->packets++;
            burst->lines[done]->octets += burst->vectors[done].iov_len;
        }
        if (n <= 0 && errno != EINTR) left[count_left++] = burst->numbers[done++];
    }
    burst->ready = 0;
    return count_left;
}

/* Sends `packet` to a group. `transport_at`: where in it the transport-wide number stands; 0: nowhere. `now`: monotonic
 * seconds. Returns how many did not get it, with their numbers in `left`; -1: the packet is too long for any. */
int plenum_send(const struct group *group, const uint8_t *packet, int length, int transport_at, double now) {
    static __thread uint8_t buffers[BATCH][LONGEST];
    struct burst burst;
    int count_left = 0, fd = -1;
    if (length < 12 || length > LONGEST - TRAILER || transport_at < 0 || transport_at + 2 > length) return -1;
    memset(&burst, 0, sizeof burst);
    for (int32_t i = 0; i < group->count; i++) {
        struct line *line = group->lines[i];
        int size = length;
        if (line->fd < 0) {
            group->left[count_left++] = i;
            continue;
        }
        if (burst.ready == BATCH || (line->fd != fd && burst.ready)) count_left = flush(&burst, group->left, count_left);
        fd = line->fd;
        uint8_t *buffer = buffers[burst.ready];
        memcpy(buffer, packet, (size_t)length);
        if (transport_at) {
            uint16_t number = line->next++;
            buffer[transport_at] = (uint8_t)(number >> 8);
            buffer[transport_at + 1] = (uint8_t)number;
            if (line->sizes) {
                line->sizes[number & line->mask] = (int16_t)length;
                line->times[number & line->mask] = now;
            }
        }
        if (group->protect(line->session, buffer, &size)) {
            group->left[count_left++] = i;
            continue;
        }
        struct msghdr *header = &burst.messages[burst.ready].msg_hdr;
        burst.vectors[burst.ready] = (struct iovec){buffer, (size_t)size};
        header->msg_iov = &burst.vectors[burst.ready];
        header->msg_iovlen = 1;
        header->msg_name = line->address;
        header->msg_namelen = line->address_length;
        burst.lines[burst.ready] = line;
        burst.numbers[burst.ready++] = i;
    }
    return flush(&burst, group->left, count_left);
}
