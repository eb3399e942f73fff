/* Transport-wide feedback of a viewer, held against the rings of what it was sent: which packets came, which were lost, and
 * the windows that bandwidth.c makes the estimate of. transport_cc.py and sent.py are the reference, to the last bit of a
 * float. */
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

static void conclude(struct line *line, const struct feedback *feedback, double now) {
    int age = ((line->next - 1 - feedback->base + 0x8000) & 0xFFFF) - 0x8000, skipped = age > line->mask ? age - line->mask : 0;
    int end = age + 1 < feedback->count ? age + 1 : feedback->count, came = 0, lost = 0, total = 0;
    struct window open = line->open;
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
            if (open.octets) plenum_take_window(&line->estimator, &open);
            open.first_sent = at, open.delay = delay, open.octets = size;
            line->end = at + WINDOW;
        } else {
            open.octets += size;
            if (delay < open.delay) open.delay = delay;
        }
        open.last_sent = at, open.arrived = arrived;
    }
    line->open = open;
    plenum_take(line, came, lost, total, open.last_sent, open.arrived, now);
}

static int is_granted(struct budget *budget, double now) {
    double left = budget->left + (now - budget->at) * budget->rate;
    budget->left = left < budget->rate ? left : budget->rate;
    budget->at = now;
    if (budget->left < 1) return 0;
    budget->left -= 1;
    return 1;
}

/* Takes a viewer's feedback: `data` is what follows the two SSRCs. What is left to do for Python becomes the event, as
 * `Steering.acknowledge` would do it: mostly nothing. UNREAD: nothing has changed. */
enum outcome plenum_take_feedback(struct line *line, struct event *event, const uint8_t *data, int length, double now) {
    static __thread struct feedback feedback;
    struct estimator *estimator = &line->estimator;
    if (!line->sizes || !parse_feedback(&feedback, data, length)) return UNREAD;
    line->heard_at = now;
    if (!is_granted(&line->feedback, now)) return TAKEN;
    int was_silenced = estimator->silenced != 0.0, is_over, is_overspent, padding;
    estimator->told_at = now;
    conclude(line, &feedback, now);
    is_over = was_silenced && estimator->silenced == 0.0;
    is_overspent = plenum_is_overspent(line, now);
    padding = is_overspent ? 0 : plenum_probe(line, now);
    event->kind = TOLD;
    event->sequence = padding, event->second = is_overspent, event->flow = is_over;
    return is_over || is_overspent || padding ? LEFT : TAKEN;
}

/* The same for feedback that Python has found among other packets, and counted, without what is left to do. Returns 0 if it is
 * none. */
int plenum_acknowledge(struct line *line, const uint8_t *data, int length, double now) {
    static __thread struct feedback feedback;
    if (!line->sizes || !parse_feedback(&feedback, data, length)) return 0;
    line->estimator.told_at = now;
    conclude(line, &feedback, now);
    return 1;
}
