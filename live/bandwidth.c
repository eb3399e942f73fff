/* How much a viewer's path takes, by its transport-wide feedback: bandwidth.py, delay.py, loss.py and probing.py say what is
 * done here and why, and are the reference, to the last bit of a float. Names and order are theirs. Times are monotonic seconds,
 * sizes octets, rates bit/s. */
#include <math.h>

#include "native.h"

static double least_of(double a, double b) {
    return b < a ? b : a;
}

static double most_of(double a, double b) {
    return b > a ? b : a;
}

/* --- delay.py --- */

enum { UNDERUSE = -1, NORMAL, OVERUSE, PERSISTENCE = 2 };

static const double TREND_MEMORY = 0.3, HORIZON = 0.24, TREND_PAUSE = 1.0, POINTS = 3.0, TREND_START = 0.0125,
                    TREND_LEAST = 0.006, TREND_MOST = 0.6, UPWARD = 10.0, DOWNWARD = 0.18, SPIKE = 0.015, STANDING = 0.1,
                    STUBBORN = 2.5, TOLERANCE = 20.0, MOST_STANDING = 0.6, TREND_BASELINE = 10.0;

static void trend_anew(struct trend *t) {
    *t = (struct trend){.threshold = TREND_START,
                        .queue_limit = STANDING,
                        .at = -INFINITY,
                        .standing_since = INFINITY,
                        .base = INFINITY,
                        .base_before = INFINITY,
                        .base_at = -INFINITY,
                        .signal = NORMAL};
}

static void trend_follow_base(struct trend *t, double at, double delay) {
    double since = at - t->base_at;
    if (!(0 <= since && since < TREND_BASELINE)) {
        t->base_before = 0 <= since && since < 2 * TREND_BASELINE ? t->base : delay;
        t->base = delay, t->base_at = at;
    } else if (delay < t->base) {
        t->base = delay;
    }
    t->queue = delay - least_of(t->base, t->base_before);
}

static double trend_slope(struct trend *t, double step, double delay) {
    double keep = most_of(0.0, 1 - step / TREND_MEMORY), n = t->n * keep, x = t->x * keep, y = t->y * keep;
    double xx = (t->xx - 2 * step * t->x + step * step * t->n) * keep, xy = (t->xy - step * t->y) * keep;
    x -= step * n;
    t->n = n + 1, t->x = x, t->y = y + delay, t->xx = xx, t->xy = xy;
    double spread = (n + 1) * xx - x * x;
    return spread > 1e-9 ? ((n + 1) * xy - x * (y + delay)) / spread : 0.0;
}

static int trend_stands(struct trend *t, double step, int drains) {
    if (t->queue < t->queue_limit) {
        t->standing_since = INFINITY;
        t->queue_limit -= (t->queue_limit - STANDING) * least_of(1.0, step / TOLERANCE);
        return 0;
    }
    if (drains) {
        t->standing_since = t->at;
        return 0;
    }
    t->standing_since = least_of(t->standing_since, t->at);
    if (t->at - t->standing_since > STUBBORN) t->queue_limit = least_of(MOST_STANDING, 1.25 * t->queue);
    return 1;
}

static void trend_judge(struct trend *t, double trend, double step) {
    int stands = trend_stands(t, step, trend < -t->threshold);
    if (trend > t->threshold || stands) {
        t->above++;
        t->signal = t->above >= PERSISTENCE && (stands || trend >= 0.9 * t->trend) ? OVERUSE : NORMAL;
    } else {
        t->above = 0;
        t->signal = trend < -t->threshold ? UNDERUSE : NORMAL;
    }
    t->trend = trend;
    double size = fabs(trend);
    if (size - t->threshold <= SPIKE) {
        double rate = size > t->threshold ? UPWARD : DOWNWARD;
        double moved = t->threshold + rate * least_of(step, 0.1) * (size - t->threshold);
        t->threshold = least_of(most_of(moved, TREND_LEAST), TREND_MOST);
    }
}

static void trend_add(struct trend *t, double at, double delay) {
    double step = at - t->at;
    if (!(0 < step && step < TREND_PAUSE)) {
        if (-TREND_PAUSE < step && step <= 0) return; /* overtaken */
        t->n = t->x = t->y = t->xx = t->xy = t->trend = 0.0;
        t->above = 0, t->signal = NORMAL;
        step = 0.0;
    }
    t->at = at;
    trend_follow_base(t, at, delay);
    double slope = trend_slope(t, step, delay);
    if (t->n >= POINTS) trend_judge(t, slope * HORIZON, step);
}

/* --- loss.py --- */

static const double LOSS_MEMORY = 2.0, ENOUGH = 20.0, REPRESENTATIVE = 80.0, HOLD = 0.02, CUT = 0.05, MOST_INHERENT = 0.1,
                    LOSS_BASELINE = 10.0;

static void losses_told(struct losses *l, int64_t came, int64_t lost, double now) {
    double keep = most_of(0.0, 1 - (now - l->at) / LOSS_MEMORY);
    l->came = l->came * keep + (double)came;
    l->lost = most_of(0.0, l->lost * keep + (double)lost);
    l->at = now;
    double total = l->came + l->lost;
    if (total < ENOUGH) return;
    l->fraction = l->lost / total;
    if (total < REPRESENTATIVE) return;
    if (now - l->least_since > LOSS_BASELINE) l->least_before = l->least, l->least = l->fraction, l->least_since = now;
    l->least = least_of(l->least, l->fraction);
}

static double losses_excess(const struct losses *l, double deviations) {
    double total = most_of(l->came + l->lost, 1.0), chance = sqrt(l->fraction * (1 - l->fraction) / total);
    return l->fraction - least_of(least_of(l->least, l->least_before), MOST_INHERENT) - deviations * chance;
}

static int losses_forbid_growth(const struct losses *l) {
    return losses_excess(l, 2) > HOLD;
}

static double losses_cut(struct losses *l, double now, double rtt) {
    if (l->fraction <= CUT || now - l->cut_at < rtt + 0.3 || losses_excess(l, 3) <= CUT) return 1.0;
    l->cut_at = now;
    return 1 - l->fraction / 2;
}

static void losses_forget(struct losses *l) {
    l->came = l->lost = l->fraction = 0.0;
}

/* --- probing.py --- */

enum { MOST_FAILURES = 8 };

static const double DURATION = 0.25, FIRST_BURST = 0.02, LARGEST_BURST = 0.1, PATIENCE = 0.25, AS_FAST = 0.85, MOST_LOST = 0.15,
                    SHARE = 0.05, PROBE_PAUSE = 0.8, SHORTEST = 3.0, LONGEST_WAIT = 10.0, WRONG = 2.0;

static int64_t probing_padding(struct probing *p, double now) {
    if (now - p->started_at > DURATION) return 0;
    double lasted = least_of(now - p->asked_at, LARGEST_BURST);
    p->asked_at = now;
    int64_t octets = (int64_t)(most_of(0.0, p->target - p->media) * lasted / 8);
    p->padding += octets;
    return octets;
}

static int64_t probing_begin(struct probing *p, double target, double media, double now) {
    p->is_running = 1;
    p->target = target, p->media = media;
    p->started_at = now, p->asked_at = now - FIRST_BURST;
    p->padding = p->octets = p->came = p->lost = 0;
    p->from = 0.0;
    return probing_padding(p, now);
}

static void probing_came(struct probing *p, const struct window *w) {
    if (w->first_sent < p->started_at || w->first_sent > p->started_at + DURATION) return;
    if (p->from == 0.0)
        p->sent_from = w->last_sent, p->from = w->arrived;
    else
        p->octets += w->octets;
    p->sent = w->last_sent, p->arrived = w->arrived;
}

static double probing_rate(const struct probing *p) {
    double lasted = p->arrived - p->from;
    return p->from != 0.0 && lasted > 0.08 ? (double)(p->octets * 8) / lasted : 0.0;
}

static int probing_is_over(const struct probing *p, double now, double rtt) {
    return now - p->started_at > DURATION + PATIENCE + rtt || p->sent > p->started_at + 0.95 * DURATION;
}

static int probing_has_passed(const struct probing *p, double estimate) {
    double sending = p->sent - p->sent_from, arriving = p->arrived - p->from;
    return probing_rate(p) > 1.05 * estimate && sending >= AS_FAST * arriving &&
           (double)p->lost <= MOST_LOST * (double)(p->came + p->lost);
}

static void probing_stop(struct probing *p, double now) {
    p->is_running = 0, p->ended_at = now;
}

static void probing_end(struct probing *p, double now, double estimate, int failed) {
    probing_stop(p, now);
    if (failed) {
        if (++p->failures > MOST_FAILURES) p->failures = MOST_FAILURES;
        p->next_at = now + least_of(ldexp(SHORTEST, p->failures - 1), LONGEST_WAIT);
    } else {
        p->failures /= 2;
        double fair = (double)(p->padding * 8) / (SHARE * estimate);
        p->next_at = now + (p->failures ? most_of(PROBE_PAUSE, fair) : PROBE_PAUSE);
    }
}

static void probing_wait(struct probing *p, double now) {
    if (!p->is_running && now - p->started_at < WRONG && p->failures < MOST_FAILURES) p->failures++;
    p->next_at = most_of(p->next_at, now + SHORTEST);
}

/* --- bandwidth.py: AcknowledgedRate --- */

static void acknowledged_add(struct acknowledged *a, int64_t octets, double arrived) {
    double span = arrived - a->since;
    if (!(-1 < span && span < 1)) {
        a->since = arrived, a->octets = 0;
        return;
    }
    a->octets += octets;
    if (span < 0.1) return;
    a->before = a->newest, a->newest = (double)(a->octets * 8) / span;
    a->smooth += (a->newest - a->smooth) * (a->smooth != 0.0 ? least_of(1.0, span / 0.4) : 1.0);
    a->since = arrived, a->octets = 0;
}

static double acknowledged_after_overuse(const struct acknowledged *a) {
    return most_of(most_of(a->newest, (a->newest + a->before) / 2), a->smooth / 2);
}

/* --- bandwidth.py: Estimator --- */

static const double FLOOR = 50000, CEILING = 8000000, START = 300000, GROWTH = 0.08, BACK_OFF = 0.85, LEAST_BACK_OFF = 0.5,
                    HEADROOM = 1.5, CALM = 2.0, PROBE_STEP = 2.0, PROBE_MARGIN = 1.25, PROBE_ECHO = 0.8, PACKET_OCTETS = 1200,
                    IDLE = 1.0, SILENCE = 0.5, OVERSPENT = 0.1;

static void set_rate(struct estimator *e, double rate) {
    e->rate = least_of(most_of(rate, FLOOR), CEILING);
}

static void note_cut(struct line *line, double now) {
    struct estimator *e = &line->estimator;
    e->cut_at = line->losses_from = now;
    losses_forget(&e->losses);
    probing_wait(&e->probing, now);
}

static int cut_for_loss(struct line *line, double now) {
    struct estimator *e = &line->estimator;
    double factor = losses_cut(&e->losses, now, e->rtt), arriving = e->acknowledged.smooth;
    if (factor >= 1) return 0;
    double tested = arriving != 0.0 ? HEADROOM * arriving : e->rate;
    set_rate(e, least_of(e->rate, most_of(tested, e->rate / 2)) * factor);
    note_cut(line, now);
    return 1;
}

static void back_off(struct line *line, double now) {
    struct estimator *e = &line->estimator;
    double since = now - e->cut_at;
    if (since < 0.1 + least_of(e->rtt, 0.2)) return;
    note_cut(line, now);
    double arriving = acknowledged_after_overuse(&e->acknowledged);
    if (e->rate > 2 * arriving && since > 2 && e->delay.queue < e->delay.queue_limit) {
        set_rate(e, e->rate / 2);
        return;
    }
    e->capacity = arriving;
    e->resume = least_of(e->rate, BACK_OFF * arriving);
    double deeper = most_of(0.0, e->delay.queue - e->delay.queue_limit);
    set_rate(e, least_of(e->rate, arriving * most_of(LEAST_BACK_OFF, BACK_OFF - deeper)));
}

static void grow(struct estimator *e, double step, double now) {
    if (e->resume != 0.0 && e->delay.queue < e->delay.queue_limit / 2)
        e->rate = most_of(e->rate, e->resume), e->resume = 0.0;
    double most = HEADROOM * e->acknowledged.smooth + 10000, grown;
    if (e->rate >= most || e->delay.queue > e->delay.queue_limit / 2) return;
    if (now - e->cut_at > CALM) e->rate = most_of(e->rate, e->acknowledged.smooth);
    if (e->rate > 1.2 * e->capacity && 1.2 * e->capacity > 0)
        e->capacity = 0.0, e->probing.failures = 0, e->probing.next_at = now;
    if (e->rate > 0.9 * e->capacity && 0.9 * e->capacity > 0)
        grown = e->rate + PACKET_OCTETS * 4 * step / (e->rtt + 0.1);
    else
        grown = e->rate * pow(1 + GROWTH, step);
    set_rate(e, least_of(grown, most));
}

static void judge_probe(struct estimator *e, double now) {
    struct probing *p = &e->probing;
    double came = probing_rate(p);
    if (e->delay.signal == OVERUSE) {
        double arriving = came != 0.0 ? came : acknowledged_after_overuse(&e->acknowledged);
        probing_end(p, now, e->rate, 1);
        e->capacity = most_of(arriving, e->rate);
        e->cut_at = now;
        set_rate(e, most_of(e->rate, BACK_OFF * arriving));
    } else if (probing_is_over(p, now, e->rtt)) {
        int passed = probing_has_passed(p, e->rate);
        set_rate(e, most_of(e->rate, least_of(came * (passed ? 1.0 : BACK_OFF), p->target)));
        probing_end(p, now, e->rate, !passed);
    }
}

static void decide(struct line *line, double now) {
    struct estimator *e = &line->estimator;
    double step = least_of(now - e->updated_at, 0.25);
    e->updated_at = now;
    int signal = e->delay.signal;
    if (e->probing.is_running) {
        judge_probe(e, now);
        return;
    }
    if (now - e->probing.ended_at > PROBE_ECHO) e->media = e->acknowledged.smooth;
    if (cut_for_loss(line, now)) return;
    if (signal == OVERUSE)
        back_off(line, now);
    else if (signal == NORMAL && !losses_forbid_growth(&e->losses))
        grow(e, step, now);
}

static void end_outage(struct line *line, double now) {
    struct estimator *e = &line->estimator;
    set_rate(e, most_of(e->rate, e->silenced / 2));
    e->silenced = e->resume = 0.0;
    line->losses_from = now;
    losses_forget(&e->losses);
    trend_anew(&e->delay);
    e->probing.failures = 0, e->probing.next_at = now + e->rtt;
}

static void round_trip(struct estimator *e, double seconds) {
    if (!(0 <= seconds && seconds < 10)) return;
    e->rtt = e->rtt != 0.0 ? e->rtt + (seconds - e->rtt) / 8 : seconds;
}

/* 40 ms of sending have come: before `plenum_take` of the feedback that told so. */
void plenum_take_window(struct estimator *e, const struct window *w) {
    trend_add(&e->delay, w->first_sent, w->delay);
    if (e->probing.is_running) probing_came(&e->probing, w);
}

/* What feedback said: `sent_at` and `arrived` are the newest packet's, if any came. */
void plenum_take(struct line *line, int came, int lost, int octets, double sent_at, double arrived, double now) {
    struct estimator *e = &line->estimator;
    if (!came && !lost) return;
    e->heard_at = e->waiting_since = now;
    if (came) {
        round_trip(e, now - sent_at);
        acknowledged_add(&e->acknowledged, octets, arrived);
    }
    if (e->silenced != 0.0) {
        if (came) end_outage(line, now);
        return;
    }
    losses_told(&e->losses, came, lost, now);
    e->probing.came += came, e->probing.lost += lost;
    decide(line, now);
}

static int is_idle(const struct line *line, double now) {
    return now - line->times[(line->next - 1) & line->mask] > IDLE;
}

static void notice_silence(struct line *line, double now) {
    struct estimator *e = &line->estimator;
    if (((line->next - 1) & 0xFFFF) == line->told || is_idle(line, now)) {
        e->waiting_since = now;
    } else if (now - e->waiting_since > SILENCE + 2 * e->rtt && e->heard_at > 0) {
        e->waiting_since = now;
        if (e->silenced == 0.0) e->silenced = e->rate;
        probing_stop(&e->probing, now);
        probing_wait(&e->probing, now);
        set_rate(e, e->rate / 2);
    }
}

static int may_probe(const struct line *line, double now) {
    const struct estimator *e = &line->estimator;
    if (now < e->probing.next_at || e->wanted <= 1.05 * e->rate || e->media == 0.0) return 0;
    if (is_idle(line, now)) return 1;
    return now - e->heard_at < 0.3 && e->delay.signal == NORMAL && e->delay.queue < e->delay.queue_limit / 2 &&
           !losses_forbid_growth(&e->losses);
}

/* --- for Python --- */

/* A client whose path is not known. */
void plenum_estimate_anew(struct line *line) {
    struct estimator *e = &line->estimator;
    *e = (struct estimator){.losses = {.at = -INFINITY,
                                       .cut_at = -INFINITY,
                                       .least = MOST_INHERENT,
                                       .least_before = MOST_INHERENT,
                                       .least_since = -INFINITY},
                            .acknowledged = {.since = -INFINITY},
                            .probing = {.ended_at = -INFINITY},
                            .rate = START,
                            .cut_at = -INFINITY,
                            .updated_at = -INFINITY,
                            .heard_at = -INFINITY,
                            .waiting_since = INFINITY,
                            .wanted = CEILING,
                            .told_at = -INFINITY,
                            .spent_at = -INFINITY};
    trend_anew(&e->delay);
}

/* Whether less is estimated than is spent, for long enough. */
int plenum_is_overspent(const struct line *line, double now) {
    const struct estimator *e = &line->estimator;
    return trunc(e->rate) < e->spent && now - e->spent_at >= OVERSPENT;
}

/* Returns how many octets of padding to send now. */
int plenum_probe(struct line *line, double now) {
    struct estimator *e = &line->estimator;
    struct probing *p = &e->probing;
    notice_silence(line, now);
    if (p->is_running) {
        if (!probing_is_over(p, now, e->rtt)) return (int)probing_padding(p, now);
        judge_probe(e, now);
        return 0;
    }
    if (!may_probe(line, now)) return 0;
    double target = least_of(least_of(PROBE_STEP * e->rate, e->wanted * 1.05), CEILING);
    if (e->capacity != 0.0) target = least_of(target, PROBE_MARGIN * most_of(e->capacity, e->rate));
    if (is_idle(line, now)) {
        trend_anew(&e->delay);
        e->media = 1.0;
    }
    return (int)probing_begin(p, target, e->media, now);
}

/* From a receiver report, while feedback stays away. */
void plenum_lose(struct line *line, double fraction, double now) {
    struct estimator *e = &line->estimator;
    if (!(now - e->heard_at > 2 && e->heard_at > 0)) return;
    losses_told(&e->losses, (int64_t)rint(100 * (1 - fraction)), (int64_t)rint(100 * fraction), now);
    cut_for_loss(line, now);
}
