/* What must be cheap in the media benchmark: receivers that count, and the floor that servers are held against.
 * Built and loaded by native.py. Linux; no headers beyond libc's, libcrypto is linked by name. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "feedback.h"

enum { STREAMS = 2, BATCH = 64, LONGEST = 2048, STEP_NS = 10000, STEPS = 100000 };
enum { AGGREGATE = 1 << 16, UDP_GRO_OPTION = 104 }; /* octets of datagrams that the kernel has left together; <linux/udp.h> */

/* Mirrored by native.Viewer. One stream is video, the other audio. The publisher's number of a packet is its RTP sequence
 * number less the shift. */
struct stream {
    uint32_t ssrc;
    uint16_t shift;
    uint16_t highest;   /* of the publisher's numbers seen in the window */
    uint64_t seen;      /* bit n: `highest` less n has come */
    uint32_t counted;   /* packets of the window, each once */
    uint32_t repeated;
    uint32_t received;  /* packets ever, also outside of a window */
    uint16_t last;      /* RTP sequence number, of the newest ever */
    uint16_t cycles;
};

struct viewer {
    struct stream streams[STREAMS];
    uint32_t learning;  /* bit per stream: the next packet is wanted whole */
    uint32_t others;    /* RTP of other sources: repair, probes */
    struct transport transport;
    void *session;               /* that protects its RTCP; NULL: it has not shaken hands */
    struct sockaddr_in server;
    struct in_addr address;      /* its own */
};

typedef int (*transform)(void *session, void *packet, int *length);

/* Mirrored by native.Window. `sent` is the publisher's: nanoseconds since 1970 by stream and number. */
struct window {
    uint16_t from[STREAMS];
    uint16_t span[STREAMS];  /* 0: no window is open */
    uint64_t strange;        /* packets whose delay cannot be */
    uint32_t delays[STEPS + 1];
};

static uint64_t now_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sleep_ns(long ns) {
    struct timespec pause = {0, ns};
    nanosleep(&pause, NULL);
}

static void count(struct stream *s, int which, uint16_t sequence, uint64_t arrived, struct window *w,
                  const volatile uint64_t *sent) {
    uint16_t number = (uint16_t)(sequence - s->shift);
    if ((uint16_t)(number - w->from[which]) >= w->span[which]) return;
    uint16_t ahead = (uint16_t)(number - s->highest);
    if (!s->counted || (ahead && ahead < 0x8000)) {
        s->seen = s->counted && ahead < 64 ? s->seen << ahead | 1 : 1;
        s->highest = number;
    } else {
        uint16_t behind = (uint16_t)(s->highest - number);
        if (behind < 64 && (s->seen >> behind & 1)) {
            s->repeated++;
            return;
        }
        if (behind < 64) s->seen |= (uint64_t)1 << behind;
    }
    s->counted++;
    int64_t delay = (int64_t)(arrived - sent[which << 16 | number]);
    if (delay < 0 || delay > 60000000000) w->strange++;
    else w->delays[delay / STEP_NS < STEPS ? delay / STEP_NS : STEPS]++;
}

/* See make_feedback. */
int feedback(struct viewer *v, uint8_t *out) {
    return v->transport.id ? make_feedback(&v->transport, out) : 0;
}

/* Writes a receiver report (RFC 3550, 6.4.2) of the streams that came, without losses; returns its length. */
int report(struct viewer *v, uint8_t *out) {
    uint8_t *at = out + 8;
    for (int i = 0; i < STREAMS; i++) {
        const struct stream *s = &v->streams[i];
        if (!s->received) continue;
        memset(at, 0, 24);
        at = put16(put16(at, s->ssrc >> 16), s->ssrc & 0xffff) + 4;
        at = put16(put16(at, s->cycles), s->last) + 12;
    }
    memset(out, 0, 8);
    out[0] = (uint8_t)(0x80 | (at - out - 8) / 24);
    out[1] = 201;
    put16(out + 2, (uint32_t)((at - out) / 4 - 1));
    out[7] = 1; /* its SSRC, as in feedback */
    return (int)(at - out);
}

/* Gives feedback of every `step`-th viewer, from `first` on, each from its address; or reports, if that is what is to be `made`.
 * `protect`: srtp_protect_rtcp. What does not fit into the socket is lost, as on any network. */
static void give(int fd, struct viewer *viewers, uint32_t count, uint32_t first, uint32_t step, transform protect,
                 int (*made)(struct viewer *, uint8_t *)) {
    static __thread uint8_t packets[BATCH][LONGEST];
    static __thread uint8_t controls[BATCH][CMSG_SPACE(sizeof(struct in_pktinfo))] __attribute__((aligned(8)));
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    unsigned ready = 0;
    for (uint32_t i = first; i < count; i += step) {
        struct viewer *v = &viewers[i];
        int length = v->session ? made(v, packets[ready]) : 0;
        if (length && !protect(v->session, packets[ready], &length)) {
            struct msghdr *header = &messages[ready].msg_hdr;
            vectors[ready] = (struct iovec){packets[ready], (size_t)length};
            *header = (struct msghdr){.msg_name = &v->server,
                                      .msg_namelen = sizeof v->server,
                                      .msg_iov = &vectors[ready],
                                      .msg_iovlen = 1,
                                      .msg_control = controls[ready],
                                      .msg_controllen = sizeof controls[ready]};
            struct cmsghdr *control = CMSG_FIRSTHDR(header);
            struct in_pktinfo from = {.ipi_spec_dst = v->address};
            control->cmsg_level = IPPROTO_IP;
            control->cmsg_type = IP_PKTINFO;
            control->cmsg_len = CMSG_LEN(sizeof from);
            memcpy(CMSG_DATA(control), &from, sizeof from);
            ready++;
        }
        if (ready == BATCH) {
            sendmmsg(fd, messages, ready, MSG_DONTWAIT);
            ready = 0;
        }
    }
    if (ready) sendmmsg(fd, messages, ready, MSG_DONTWAIT);
}

void give_feedback(int fd, struct viewer *viewers, uint32_t count, uint32_t first, uint32_t step, transform protect) {
    give(fd, viewers, count, first, step, protect, feedback);
}

void give_reports(int fd, struct viewer *viewers, uint32_t count, uint32_t first, uint32_t step, transform protect) {
    give(fd, viewers, count, first, step, protect, report);
}

/* Returns the stream's bit if it is being learnt from. */
static int take_rtp(struct viewer *v, const uint8_t *data, uint32_t length, uint64_t arrived, struct window *w,
                    const volatile uint64_t *sent) {
    uint32_t ssrc = (uint32_t)data[8] << 24 | (uint32_t)data[9] << 16 | (uint32_t)data[10] << 8 | data[11];
    uint16_t sequence = (uint16_t)(data[2] << 8 | data[3]);
    if (v->transport.id) note_transport(&v->transport, data, length, arrived);
    for (int i = 0; i < STREAMS; i++) {
        struct stream *s = &v->streams[i];
        if (s->ssrc != ssrc) continue;
        uint16_t ahead = (uint16_t)(sequence - s->last);
        if (!s->received || (ahead && ahead < 0x8000)) {
            if (s->received && sequence < s->last) s->cycles++;
            s->last = sequence;
        }
        s->received++;
        if (w->span[i]) count(s, i, sequence, arrived, w, sent);
        return (int)(v->learning & 1u << i);
    }
    v->others++;
    return 0;
}

/* One datagram of a viewer's. `data` has four octets of room before it. */
static void take(struct viewer *v, uint32_t index, uint8_t *data, uint32_t length, uint64_t arrived, int up, struct window *w,
                 const volatile uint64_t *sent) {
    if (!length) return;
    int whole = data[0] < 64, learning = 0;
    if (data[0] >= 128 && data[0] < 192 && length >= 12 && !(data[1] >= 192 && data[1] <= 223))
        learning = take_rtp(v, data, length, arrived, w, sent);
    if (!whole && !learning) return;
    uint8_t before[4];
    memcpy(before, data - 4, 4); /* the end of the datagram before it */
    memcpy(data - 4, &index, 4);
    if (send(up, data - 4, length + 4, MSG_DONTWAIT) > 0) /* if it is full, the like comes again */
        v->learning &= ~(uint32_t)learning;
    memcpy(data - 4, before, 4);
}

/* Reads until *stop. All viewers share socket `fd`; one is told from another by the last 16 bits of the address that a
 * datagram was sent to, less `base`. What Python has to see goes to `up`, behind the viewer's number: STUN, DTLS, and RTP that
 * is being learnt from. Looks once a millisecond, so that no wake-up is charged to the sender, and takes datagrams that were
 * sent together as they come (UDP GRO): cutting them up would be charged to the sender, too, and is the network card's
 * work where there is one. Returns 0, or an errno. */
int receive(int fd, int up, struct viewer *viewers, uint32_t count_viewers, uint32_t base, struct window *w,
            const volatile uint64_t *sent, const volatile int *stop) {
    static __thread uint8_t buffers[BATCH][AGGREGATE + 4];
    static __thread uint8_t controls[BATCH][128];
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    int yes = 1;
    setsockopt(fd, IPPROTO_UDP, UDP_GRO_OPTION, &yes, sizeof yes); /* an older kernel cuts them up */
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BATCH; i++) {
        vectors[i].iov_base = buffers[i] + 4;
        vectors[i].iov_len = AGGREGATE;
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_control = controls[i];
    }
    while (!*stop) {
        for (int i = 0; i < BATCH; i++) messages[i].msg_hdr.msg_controllen = sizeof controls[i];
        int n = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
        if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED) return errno;
        for (int i = 0; i < n; i++) {
            uint32_t length = messages[i].msg_len, index = UINT32_MAX, each = length;
            uint64_t arrived = 0;
            for (struct cmsghdr *c = CMSG_FIRSTHDR(&messages[i].msg_hdr); c; c = CMSG_NXTHDR(&messages[i].msg_hdr, c)) {
                if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
                    struct in_pktinfo info;
                    memcpy(&info, CMSG_DATA(c), sizeof info);
                    index = (ntohl(info.ipi_addr.s_addr) & 0xffff) - base;
                } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
                    struct timespec t;
                    memcpy(&t, CMSG_DATA(c), sizeof t);
                    arrived = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
                } else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO_OPTION) {
                    int size;
                    memcpy(&size, CMSG_DATA(c), sizeof size);
                    if (size > 0) each = (uint32_t)size;
                }
            }
            if (index >= count_viewers) continue;
            for (uint32_t at = 0; at < length; at += each) {
                uint32_t left = length - at;
                uint8_t *data = buffers[i] + 4 + at;
                take(&viewers[index], index, data, left < each ? left : each, arrived, up, w, sent);
            }
        }
        if (n < BATCH / 4) sleep_ns(1000000);
    }
    return 0;
}

/* --- the floor: AES-128-GCM and sendto, nothing else --- */

typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
typedef struct evp_cipher_st EVP_CIPHER;
EVP_CIPHER_CTX *EVP_CIPHER_CTX_new(void);
void EVP_CIPHER_CTX_free(EVP_CIPHER_CTX *);
const EVP_CIPHER *EVP_aes_128_gcm(void);
int EVP_EncryptInit_ex(EVP_CIPHER_CTX *, const EVP_CIPHER *, void *, const unsigned char *, const unsigned char *);
int EVP_EncryptUpdate(EVP_CIPHER_CTX *, unsigned char *, int *, const unsigned char *, int);
int EVP_EncryptFinal_ex(EVP_CIPHER_CTX *, unsigned char *, int *);
int EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *, int, int, void *);
enum { GET_TAG = 0x10, TAG = 16, HEADER = 12 };

/* Sends `ticks` packets of `length` octets to each address, `interval_ns` apart. Returns how many went out, or -1. */
long floor_send(int fd, const struct sockaddr_in *to, int addresses, int ticks, int length, long interval_ns) {
    uint8_t packet[LONGEST], out[LONGEST], key[16] = {1}, nonce[12] = {2};
    EVP_CIPHER_CTX *contexts[4096];
    long sent = 0;
    if (addresses > 4096 || length + TAG > LONGEST) return -1;
    memset(packet, 7, sizeof packet);
    packet[0] = 0x80;
    for (int i = 0; i < addresses; i++) {
        key[1] = (uint8_t)i;
        contexts[i] = EVP_CIPHER_CTX_new();
        if (!contexts[i] || !EVP_EncryptInit_ex(contexts[i], EVP_aes_128_gcm(), NULL, key, nonce)) return -1;
    }
    uint64_t due = now_ns(CLOCK_MONOTONIC);
    for (int tick = 0; tick < ticks; tick++, due += (uint64_t)interval_ns) {
        struct timespec at = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        memcpy(nonce, &tick, sizeof tick);
        for (int i = 0; i < addresses; i++) {
            int n;
            memcpy(out, packet, HEADER);
            EVP_EncryptInit_ex(contexts[i], NULL, NULL, NULL, nonce);
            EVP_EncryptUpdate(contexts[i], NULL, &n, packet, HEADER);
            EVP_EncryptUpdate(contexts[i], out + HEADER, &n, packet + HEADER, length - HEADER);
            EVP_EncryptFinal_ex(contexts[i], out + length, &n);
            EVP_CIPHER_CTX_ctrl(contexts[i], GET_TAG, TAG, out + length);
            if (sendto(fd, out, (size_t)length + TAG, 0, (const struct sockaddr *)&to[i], sizeof to[i]) > 0) sent++;
        }
    }
    for (int i = 0; i < addresses; i++) EVP_CIPHER_CTX_free(contexts[i]);
    return sent;
}
