/* What a wake-up brings: datagrams read many at a time, decrypted, and read as far as that is the same for all. Known clients'
 * media becomes an event with its header's fields; transport-wide feedback is dealt with, and becomes an event if something is
 * left to do; everything else, and everything unusual, goes to Python as it is. inbox.py is what Python sees of it; track.py,
 * sent.py and transport_cc.py are the reference, and a test holds this to them. */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "native.h"

enum {
    BATCH = 64,
    TRIES = 8, /* ICMP errors of earlier sends that are passed over in one call */
    HEADER = 12,
};

/* --- the directory --- */

static struct line **bucket(const struct inbox *box, int fd, const void *address, uint32_t length) {
    uint64_t hash = 14695981039346656037u ^ (uint64_t)fd; /* FNV-1a */
    for (uint32_t i = 2; i < length; i++) hash = (hash ^ ((const uint8_t *)address)[i]) * 1099511628211u;
    return &box->buckets[(hash ^ hash >> 29) & (uint64_t)box->mask];
}

/* A client is found by its address from now on; it must not change while it is listed. */
void plenum_list(struct inbox *box, struct line *line) {
    struct line **first = bucket(box, line->fd, line->address, line->address_length);
    line->after = *first;
    *first = line;
    line->is_listed = 1;
}

void plenum_unlist(struct inbox *box, struct line *line) {
    struct line **at = bucket(box, line->fd, line->address, line->address_length);
    for (; *at; at = &(*at)->after) {
        if (*at != line) continue;
        *at = line->after;
        line->is_listed = 0;
        return;
    }
}

static struct line *find(const struct inbox *box, int fd, const void *address, uint32_t length) {
    struct line *line = *bucket(box, fd, address, length);
    while (line && (line->fd != fd || line->address_length != length || memcmp(line->address, address, length)))
        line = line->after;
    return line;
}

/* --- media --- */

/* Reads the elements of a header extension (RFC 8285) that are agreed about. Returns 0 if it is wrong, or unusual. */
static int read_elements(struct event *event, const struct flow *flow, const uint8_t *data, int at, int end, int one_byte) {
    while (at < end) {
        if (!data[at]) {
            at++;
            continue;
        }
        int id, length;
        if (one_byte) {
            id = data[at] >> 4, length = (data[at] & 15) + 1;
            if (id == 15) return 1;
            at++;
        } else {
            if (at + 2 > end) return 0;
            id = data[at], length = data[at + 1];
            at += 2;
        }
        if (at + length > end) return 0;
        if (id == flow->transport_id && length == 2) {
            if (event->transport >= 0) return 0;
            event->transport = data[at] << 8 | data[at + 1];
        } else if (id == flow->level_id && length) {
            event->level = data[at];
        } else if (id == flow->dependency_id) {
            event->dependency_at = at;
            event->dependency_length = length;
        }
        at += length;
    }
    return 1;
}

/* Reads a packet out of SRTP as `Track.receive` does. Returns 0 if that has to look at it. */
static int read_media(struct event *event, const struct flow *flow, const uint8_t *data, int length) {
    int type = data[1] & 127, offset = HEADER + 4 * (data[0] & 15), padding = 0;
    if (type != flow->payload_type && (!flow->red_payload_type || type != flow->red_payload_type)) return 0;
    if (data[0] & 0x10) {
        int start = offset;
        if (length < start + 4) return 0;
        int profile = data[start] << 8 | data[start + 1];
        offset += 4 + 4 * (data[start + 2] << 8 | data[start + 3]);
        if (length < offset) return 0;
        if ((profile == 0xBEDE || (profile & 0xFFF0) == 0x1000) &&
            !read_elements(event, flow, data, start + 4, offset, profile == 0xBEDE))
            return 0;
    }
    if (length < offset) return 0;
    if (data[0] & 0x20) {
        padding = data[length - 1];
        if (!padding || padding > length - offset) return 0;
    }
    event->second = data[1];
    event->sequence = data[2] << 8 | data[3];
    event->timestamp = (uint32_t)data[4] << 24 | (uint32_t)data[5] << 16 | (uint32_t)data[6] << 8 | data[7];
    event->dependency_at += event->at;
    event->at += offset;
    event->length = length - offset - padding;
    return 1;
}

static int take_media(struct inbox *box, struct line *line, struct event *event, uint8_t *data, int length) {
    uint32_t ssrc = (uint32_t)data[8] << 24 | (uint32_t)data[9] << 16 | (uint32_t)data[10] << 8 | data[11];
    int i = 0;
    while (i < FLOWS && !(line->flows[i].used && line->flows[i].ssrc == ssrc)) i++;
    if (i == FLOWS) return 1; /* a new source, or a repair: Python decrypts it if there may be another */
    if (box->unprotect(line->incoming, data, &length) || length < HEADER) {
        line->bad++;
        return 0;
    }
    event->flow = i;
    event->length = length;
    event->kind = PACKET;
    struct event media = *event;
    if (read_media(&media, &line->flows[i], data, length)) {
        media.kind = MEDIA;
        media.whole = length;
        *event = media;
    }
    return 1;
}

static int take_rtcp(struct inbox *box, struct line *line, struct event *event, uint8_t *data, int length, double now) {
    uint32_t i = 0, ssrc = (uint32_t)data[4] << 24 | (uint32_t)data[5] << 16 | (uint32_t)data[6] << 8 | data[7];
    while (i < line->reporters_known && line->reporters[i] != ssrc) i++;
    if (i == line->reporters_known) return 1; /* Python decrypts it if there may be another */
    if (box->unprotect_rtcp(line->incoming, data, &length)) {
        line->bad++;
        return 0;
    }
    event->kind = FEEDBACK;
    event->length = length;
    if (length <= HEADER || (data[0] & 0xDF) != 0x8F || data[1] != 205) return 1;
    int padding = data[0] & 0x20 ? data[length - 1] : 0;
    if (4 * (data[2] << 8 | data[3]) + 4 != length || (data[0] & 0x20 && !padding)) return 1;
    return plenum_take_feedback(line, event, data + HEADER, length - HEADER - padding, now) != TAKEN;
}

/* --- a wake-up --- */

static int take(struct inbox *box, int fd, struct event *event, int i, int length, uint32_t name_length, double now) {
    uint8_t *data = box->octets + i * LONGEST;
    memset(event, 0, sizeof *event);
    event->number = event->level = event->transport = -1;
    event->at = i * LONGEST;
    event->length = length;
    event->dependency_length = -1;
    event->sequence = i;
    event->second = (int32_t)name_length;
    if (!length) return 0; /* legal UDP */
    if (data[0] < 128 || data[0] > 191) return 1;
    struct line *line = find(box, fd, &box->names[i], name_length);
    if (!line) {
        box->strangers++;
        return 0;
    }
    if (!line->incoming || length < HEADER) return 0;
    event->number = line->number;
    return data[1] >= 192 && data[1] <= 223 ? take_rtcp(box, line, event, data, length, now)
                                            : take_media(box, line, event, data, length);
}

/* Reads what has come to socket `fd`, at most BATCH datagrams, at `now`: monotonic seconds. Returns how many there were, and
 * above 16 bits how many events of theirs are in the inbox. */
int plenum_receive(struct inbox *box, int fd, double now) {
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    for (int i = 0; i < BATCH; i++) {
        vectors[i] = (struct iovec){box->octets + i * LONGEST, LONGEST};
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &box->names[i], .msg_namelen = sizeof box->names[i], .msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    int n = -1;
    for (int i = 0; i < TRIES && n < 0; i++) {
        n = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
        if (n < 0 && errno == EAGAIN) break;
    }
    int count = 0;
    for (int i = 0; i < n; i++)
        count += take(box, fd, &box->events[count], i, (int)messages[i].msg_len, messages[i].msg_hdr.msg_namelen, now);
    return n > 0 ? n | count << 16 : 0;
}
