/* Transport-wide feedback of a viewer, held against the rings of what it was sent: which packets came, which were lost, and
 * the windows that the estimate is made of. transport_cc.py and sent.py are the reference, to the last bit of a float. */
#include "native.h"

enum { MAX_STATUSES = 2048, HEAD = 8 };

static const double TICK = 0.00025, WINDOW = 0.04;

struct feedback {
    int base, reference, count;
    uint8_t statuses[MAX_STATUSES];
    int32_t ticks[MAX_STATUSES];
};

static int parse_statuses(struct feedback *told, const uint8_t *data, int length) {
    int at = HEAD, left = data[2] << 8 | data[3], said = 0;
    if (!left) return -1;
    for (; left > 0; at += 2) {
        if (at + 2 > length) return -1;
        int chunk = data[at] << 8 | data[at + 1], run = chunk & 0x8000 ? chunk & 0x4000 ? 7 : 14 : chunk & 0x1FFF;
        if (run > left) run = left;
        if (!run) return -1;
        for (int i = 0; i < run && said < MAX_STATUSES; i++) {
            int status = chunk >> 13;
            if (chunk & 0x8000) status = chunk & 0x4000 ? chunk >> (12 - 2 * i) & 3 : chunk >> (13 - i) & 1;
            told->statuses[said++] = (uint8_t)status;
        }
        left -= run;
    }
    told->count = said;
    return at;
}

/* `data`: what follows the two SSRCs. Returns 0 if it is not feedback. */
static int parse_feedback(struct feedback *told, const uint8_t *data, int length) {
    if (length < HEAD) return 0;
    int at = parse_statuses(told, data, length), tick = 0;
    if (at < 0) return 0;
    for (int i = 0; i < told->count; i++) {
        int status = told->statuses[i];
        if (status == 3 || at + status > length) return 0;
        if (status == 1) tick += data[at];
        if (status == 2) tick += (int16_t)(data[at] << 8 | data[at + 1]);
        told->ticks[i] = tick;
        at += status;
    }
    told->base = data[0] << 8 | data[1];
    told->reference = data[4] << 16 | data[5] << 8 | data[6];
    return 1;
}

static void conclude(struct inbox *box, struct line *line, struct event *event, const struct feedback *feedback) {
    int age = ((line->next - 1 - feedback->base + 0x8000) & 0xFFFF) - 0x8000, skipped = age > line->mask ? age - line->mask : 0;
    int end = age + 1 < feedback->count ? age + 1 : feedback->count, came = 0, lost = 0, total = 0;
    struct window open = line->open, *windows = box->windows + box->windows_used;
    event->kind = TOLD;
    event->at = event->length = event->sequence = event->second = event->flow = 0;
    if (skipped >= end) return;
    int64_t before = line->epoch == NO_EPOCH ? feedback->reference : line->epoch;
    line->epoch = before + ((feedback->reference - before + 0x800000) & 0xFFFFFF) - 0x800000;
    line->told = (feedback->base + end - 1) & 0xFFFF;
    double origin = (double)(line->epoch * 256) * TICK;
    for (int i = skipped; i < end; i++) {
        int index = (feedback->base + i) & line->mask, size = line->sizes[index];
        double at = line->times[index];
        if (!feedback->statuses[i]) {
            if (size > 0) line->sizes[index] = (int16_t)-size, lost += at >= line->losses_from;
            continue;
        }
        if (!size) continue;
        if (size < 0) lost -= at >= line->losses_from, size = -size;
        line->sizes[index] = 0;
        came++;
        total += size;
        if (at < open.first_sent) continue; /* overtaken by later windows */
        double arrived = origin + feedback->ticks[i] * TICK, delay = arrived - at;
        if (at >= line->end) {
            if (open.octets) *windows++ = open;
            open.first_sent = at, open.delay = delay, open.octets = size;
            line->end = at + WINDOW;
        } else {
            open.octets += size;
            if (delay < open.delay) open.delay = delay;
        }
        open.last_sent = at, open.arrived = arrived;
    }
    line->open = open;
    event->sequence = came, event->second = lost, event->flow = total;
    event->at = box->windows_used;
    event->length = (int)(windows - box->windows) - box->windows_used;
    event->sent_at = open.last_sent, event->arrived = open.arrived;
    box->windows_used += event->length;
}

/* Takes feedback: `data` is what follows the two SSRCs. Its outcome becomes the event. Returns 0 if it is not feedback, or if
 * the inbox has no room for as many windows as there may be: then nothing has changed. */
int plenum_take_feedback(struct inbox *box, struct line *line, struct event *event, const uint8_t *data, int length) {
    static __thread struct feedback feedback;
    if (!line->sizes || box->windows_used + RING > WINDOWS || !parse_feedback(&feedback, data, length)) return 0;
    conclude(box, line, event, &feedback);
    return 1;
}

/* The same for feedback that Python has found among other packets: the inbox is for nothing else. */
int plenum_told(struct inbox *box, struct line *line, const uint8_t *data, int length) {
    box->windows_used = 0;
    return plenum_take_feedback(box, line, box->events, data, length);
}
