/* What a receiver in C notes of transport-wide sequence numbers, and tells of them as a browser does
 * (draft-holmer-rmcat-transport-wide-cc-extensions-01). */
#include <stdint.h>
#include <string.h>

enum { ARRIVALS = 256 };

struct transport {
    uint32_t id;    /* of the transport-wide sequence number's header extension; 0: not agreed on */
    uint16_t next;  /* the first that no feedback has told of */
    uint16_t last;  /* the newest that came */
    uint32_t begun;
    uint32_t feedbacks;
    uint64_t arrivals[ARRIVALS]; /* ring: nanoseconds since 1970; 0: told of, or never came */
};

/* Notes when a transport-wide number came. */
static void note_transport(struct transport *t, const uint8_t *data, uint32_t length, uint64_t arrived) {
    uint32_t at = 12 + 4u * (data[0] & 15);
    if (!(data[0] & 0x10) || at + 4 > length || data[at] != 0xBE || data[at + 1] != 0xDE) return;
    uint32_t end = at + 4 + 4u * (uint32_t)(data[at + 2] << 8 | data[at + 3]);
    if (end > length) return;
    for (at += 4; at < end;) {
        uint32_t size = (data[at] & 15u) + 1;
        if (!data[at]) {
            at++;
        } else if (data[at] >> 4 == t->id && at + 3 <= end) {
            uint16_t number = (uint16_t)(data[at + 1] << 8 | data[at + 2]);
            t->arrivals[number % ARRIVALS] = arrived;
            if (!t->begun) t->next = t->last = number;
            t->begun = 1;
            if ((uint16_t)(number - t->last) < 0x8000) t->last = number;
            return;
        } else {
            at += 1 + size;
        }
    }
}

static uint8_t *put16(uint8_t *out, uint32_t value) {
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    return out + 2;
}

/* Writes transport-wide feedback about all that came since the last: one run where all came in steps of less than 64 ms,
 * else two bits for each. Returns its length, 0 for nothing new. `out` holds 1,000 octets. */
static int make_feedback(struct transport *t, uint8_t *out) {
    uint8_t status[ARRIVALS], deltas[2 * ARRIVALS];
    int count = (uint16_t)(t->last - t->next) + 1, used = 0, plain = 1;
    uint16_t base = t->next;
    uint64_t reference = 0, before = 0;
    if (!t->begun || count > 0x8000) return 0;
    if (count > ARRIVALS) { /* older ones are overwritten */
        base = (uint16_t)(t->last - ARRIVALS + 1);
        count = ARRIVALS;
    }
    for (int i = 0; i < count; i++) {
        uint64_t at = t->arrivals[(uint16_t)(base + i) % ARRIVALS] / 250000;
        t->arrivals[(uint16_t)(base + i) % ARRIVALS] = 0;
        status[i] = 0;
        if (!at) {
            plain = 0;
            continue;
        }
        if (!before) before = (reference = at / 256) * 256;
        int64_t delta = (int64_t)at - (int64_t)before;
        if (delta < -30000 || delta > 30000) continue;
        before = at;
        status[i] = delta >= 0 && delta < 256 ? 1 : 2;
        if (status[i] == 2) {
            deltas[used++] = (uint8_t)(delta >> 8);
            plain = 0;
        }
        deltas[used++] = (uint8_t)delta;
    }
    uint8_t *at = out + 12;
    if (!before) return 0;
    memset(out, 0, 12);
    out[7] = 1; /* the sender's SSRC; the media's is 0 */
    at = put16(at, base), at = put16(at, (uint32_t)count);
    *at++ = (uint8_t)(reference >> 16), *at++ = (uint8_t)(reference >> 8), *at++ = (uint8_t)reference;
    *at++ = (uint8_t)t->feedbacks++;
    if (plain) {
        at = put16(at, 0x2000u | (uint32_t)count);
    } else {
        for (int i = 0; i < count; i += 7) {
            uint32_t chunk = 0xC000;
            for (int j = 0; j < 7 && i + j < count; j++) chunk |= (uint32_t)status[i + j] << (12 - 2 * j);
            at = put16(at, chunk);
        }
    }
    memcpy(at, deltas, (size_t)used);
    at += used;
    int padding = (int)(-(at - out) & 3);
    memset(at, 0, 4);
    at += padding;
    if (padding) at[-1] = (uint8_t)padding;
    out[0] = padding ? 0xAF : 0x8F;
    out[1] = 205;
    put16(out + 2, (uint32_t)((at - out) / 4 - 1));
    t->next = (uint16_t)(base + count);
    return (int)(at - out);
}
