/* SRTP with AES-GCM (RFC 7714) for what goes out, on processors that count four blocks at a time (AVX-512 with VAES and
 * VPCLMULQDQ). libsrtp stays the reference, and serves everywhere else and for every other profile: a test holds this to it octet
 * for octet. What it saves is not the cipher's time but all that libsrtp and OpenSSL 3 do around it for each packet.
 *
 * No branch and no address depends on a key or on what is encrypted. GHASH is counted as POLYVAL (RFC 8452, appendix A), which
 * has the bits in the order that the processor multiplies in. */
#include <stddef.h>
#include <string.h>

#include "native.h"

enum { KEY = 16, LONG_KEY = 32, SALT = 12, TAG = 16, BLOCK = 16, HEADER = 12 };
enum { ROUNDS = 14, TOGETHER = 16, WIDE = 64, SOURCES = 64, WINDOW = 256 };

struct source {
    int64_t newest; /* index (RFC 3711, 3.3.1): roll-over counter and sequence number */
    uint32_t ssrc;
    uint32_t used;
};

/* What encrypts for one client. It has no pointers, and may stand anywhere. */
struct sealer {
    uint8_t round_keys[ROUNDS + 1][BLOCK];
    uint8_t powers[2 * TOGETHER + 1][BLOCK]; /* of the hash's key: TOGETHER + 1 down to 1, and zeros to be read behind them */
    uint8_t salt[SALT];
    int32_t rounds;
    struct source sources[SOURCES]; /* found at the SSRC's remainder, or behind it */
};

int plenum_sealer_size(void) {
    return (int)sizeof(struct sealer);
}

#if defined(__x86_64__) && (defined(__clang__) ? __clang_major__ >= 14 : __GNUC__ >= 11)
#include <immintrin.h>
#define ALL _Pragma("GCC unroll 4")
#define FAST __attribute__((target("aes,pclmul,avx512f,avx512bw,avx512vl,vaes,vpclmulqdq")))

static int can_seal(void) {
    return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("vaes") &&
           __builtin_cpu_supports("vpclmulqdq");
}

/* --- AES (FIPS 197) --- */

FAST static inline __m128i load(const uint8_t *at) {
    return _mm_loadu_si128((const __m128i *)at);
}

FAST static inline void store(uint8_t *at, __m128i value) {
    _mm_storeu_si128((__m128i *)at, value);
}

FAST static void expand_key(struct sealer *s, const uint8_t *key, int length) {
    uint32_t words[4 * (ROUNDS + 1)], factor = 1;
    int n = length / 4;
    s->rounds = n + 6;
    memcpy(words, key, (size_t)length);
    for (int i = n; i < 4 * (s->rounds + 1); i++) {
        uint32_t word = words[i - 1];
        __m128i substituted = _mm_aeskeygenassist_si128(_mm_set1_epi32((int)word), 0);
        if (i % n == 0) {
            word = (uint32_t)_mm_extract_epi32(substituted, 1) ^ factor; /* turned, too */
            factor = factor << 1 ^ (factor & 0x80 ? 0x11B : 0);
        } else if (n == 8 && i % n == 4) {
            word = (uint32_t)_mm_cvtsi128_si32(substituted);
        }
        words[i] = words[i - n] ^ word;
    }
    memcpy(s->round_keys, words, (size_t)(s->rounds + 1) * BLOCK);
}

FAST static inline __m128i encrypt(const struct sealer *s, __m128i block) {
    block = _mm_xor_si128(block, load(s->round_keys[0]));
    for (int i = 1; i < s->rounds; i++) block = _mm_aesenc_si128(block, load(s->round_keys[i]));
    return _mm_aesenclast_si128(block, load(s->round_keys[s->rounds]));
}

/* --- GHASH --- */

FAST static inline __m128i turned(__m128i value) {
    return _mm_shuffle_epi8(value, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

/* Products that are not reduced yet, of four blocks at a time. */
struct sum {
    __m512i low, middle, high;
};

FAST static inline void add(struct sum *sum, __m512i a, __m512i b) {
    const int xor3 = 0x96;
    sum->low = _mm512_xor_si512(sum->low, _mm512_clmulepi64_epi128(a, b, 0x00));
    sum->high = _mm512_xor_si512(sum->high, _mm512_clmulepi64_epi128(a, b, 0x11));
    sum->middle = _mm512_ternarylogic_epi64(sum->middle, _mm512_clmulepi64_epi128(a, b, 0x01),
                                            _mm512_clmulepi64_epi128(a, b, 0x10), xor3);
}

FAST static inline __m128i folded(__m512i value) {
    __m256i half = _mm256_xor_si256(_mm512_castsi512_si256(value), _mm512_extracti64x4_epi64(value, 1));
    return _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

FAST static inline __m128i reduced(const struct sum *sum) {
    __m128i low = folded(sum->low), middle = folded(sum->middle), high = folded(sum->high);
    low = _mm_xor_si128(low, _mm_slli_si128(middle, 8));
    high = _mm_xor_si128(high, _mm_srli_si128(middle, 8));
    const __m128i polynomial = _mm_set_epi64x(0, (long long)0xC200000000000000u);
    low = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4E), _mm_clmulepi64_si128(low, polynomial, 0x00));
    low = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4E), _mm_clmulepi64_si128(low, polynomial, 0x00));
    return _mm_xor_si128(low, high);
}

/* Where the powers begin for blocks of which the first is to be multiplied by this one. */
FAST static inline const uint8_t *from_power(const struct sealer *s, int power) {
    return s->powers[TOGETHER + 1 - power];
}

FAST static inline __m128i times(__m128i a, __m128i b) {
    struct sum sum = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    add(&sum, _mm512_zextsi128_si512(a), _mm512_zextsi128_si512(b));
    return reduced(&sum);
}

/* The hash's key as POLYVAL has it (RFC 8452, appendix A: `mulX_POLYVAL`), and its powers. */
FAST static void expand_hash_key(struct sealer *s) {
    uint64_t half[2];
    store((uint8_t *)half, turned(encrypt(s, _mm_setzero_si128())));
    uint64_t carry = 0 - (half[1] >> 63);
    half[1] = (half[1] << 1 | half[0] >> 63) ^ (carry & 0xC200000000000000u);
    half[0] = half[0] << 1 ^ (carry & 1);
    __m128i first = load((const uint8_t *)half), power = first;
    for (int i = TOGETHER; i >= 0; i--, power = times(power, first)) store(s->powers[i], power);
}

/* --- GCM (NIST SP 800-38D) --- */

/* The first octets of 64, as many as there are. */
FAST static inline __mmask64 first(int octets) {
    return octets >= WIDE ? ~(__mmask64)0 : octets <= 0 ? 0 : ((__mmask64)1 << octets) - 1;
}

FAST static inline __m512i turned_each(__m512i value) {
    return _mm512_shuffle_epi8(value, _mm512_broadcast_i32x4(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
}

FAST static inline __m512i wide(const uint8_t *at) {
    return _mm512_loadu_si512(at);
}

/* A key's stream, four times four blocks at once: one alone would wait for each round's end. */
FAST static inline void encrypt_all(const struct sealer *s, __m512i blocks[4]) {
    __m512i key = _mm512_broadcast_i32x4(load(s->round_keys[0]));
    ALL for (int i = 0; i < 4; i++) blocks[i] = _mm512_xor_si512(blocks[i], key);
    for (int round = 1; round < s->rounds; round++) {
        key = _mm512_broadcast_i32x4(load(s->round_keys[round]));
        ALL for (int i = 0; i < 4; i++) blocks[i] = _mm512_aesenc_epi128(blocks[i], key);
    }
    key = _mm512_broadcast_i32x4(load(s->round_keys[s->rounds]));
    ALL for (int i = 0; i < 4; i++) blocks[i] = _mm512_aesenclast_epi128(blocks[i], key);
}

/* What is only authenticated, the last block filled up with zeros. */
FAST static __m128i hash_plain(const struct sealer *s, const uint8_t *data, int length) {
    __m128i hash = _mm_setzero_si128();
    while (length > 0) {
        int size = length < TOGETHER * BLOCK ? length : TOGETHER * BLOCK;
        struct sum sum = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
        const uint8_t *powers = from_power(s, (size + BLOCK - 1) / BLOCK);
        for (int at = 0; at < size; at += WIDE) {
            __m512i blocks = turned_each(_mm512_maskz_loadu_epi8(first(size - at), data + at));
            if (!at) blocks = _mm512_xor_si512(blocks, _mm512_zextsi128_si512(hash));
            add(&sum, blocks, wide(powers + at));
        }
        hash = reduced(&sum);
        data += size, length -= size;
    }
    return hash;
}

/* Encrypts `data` in place and writes the tag behind it. `iv`: 12 octets, and room for the counter. */
FAST static void seal(const struct sealer *s, const uint8_t *iv, const uint8_t *plain, int plain_length, uint8_t *data,
                      int length) {
    const __m512i four = _mm512_broadcast_i32x4(_mm_set_epi32(4, 0, 0, 0));
    const __m512i swap = _mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
    __m128i start = load(iv), mask = encrypt(s, _mm_insert_epi32(start, 1 << 24, 3)), hash = hash_plain(s, plain, plain_length);
    __m512i counter = _mm512_add_epi32(_mm512_broadcast_i32x4(start), /* its last word the other way round, to be counted in */
                                       _mm512_set_epi32(5, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0));
    struct sum sum = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    int left = length;
    do {
        int size = left < TOGETHER * BLOCK ? left : TOGETHER * BLOCK, is_last = left <= TOGETHER * BLOCK;
        const uint8_t *powers = from_power(s, (size + BLOCK - 1) / BLOCK + is_last); /* behind the last ones come the lengths */
        sum = (struct sum){_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
        __m512i blocks[4];
        ALL for (int i = 0; i < 4; i++, counter = _mm512_add_epi32(counter, four)) blocks[i] = _mm512_shuffle_epi8(counter, swap);
        encrypt_all(s, blocks);
        ALL for (int i = 0; i < 4; i++) {
            uint8_t *at = data + i * WIDE;
            __mmask64 these = first(size - i * WIDE);
            __m512i done = _mm512_maskz_mov_epi8(these, _mm512_xor_si512(_mm512_maskz_loadu_epi8(these, at), blocks[i]));
            _mm512_mask_storeu_epi8(at, these, done);
            done = turned_each(done);
            if (!i) done = _mm512_xor_si512(done, _mm512_zextsi128_si512(hash));
            add(&sum, done, wide(powers + i * WIDE));
        }
        if (!is_last) hash = reduced(&sum);
        data += size, left -= size;
    } while (left > 0);
    add(&sum, _mm512_zextsi128_si512(_mm_set_epi64x(8LL * plain_length, 8LL * length)),
        _mm512_zextsi128_si512(load(from_power(s, 1))));
    _mm_storeu_si128((__m128i *)data, _mm_xor_si128(turned(reduced(&sum)), mask));
}

/* Keystream of the key derivation (RFC 3711, 4.3; RFC 6188 for long keys): `length` octets, at most two blocks. */
FAST static void derive(const struct sealer *master, const uint8_t *salt, uint8_t label, uint8_t *out, int length) {
    uint8_t block[BLOCK] = {0}, stream[2 * BLOCK];
    memcpy(block, salt, SALT);
    block[7] ^= label;
    store(stream, encrypt(master, load(block)));
    block[BLOCK - 1] = 1;
    store(stream + BLOCK, encrypt(master, load(block)));
    memcpy(out, stream, (size_t)length);
}

/* `keying`: master key and master salt. Returns 0 where this cannot be done: libsrtp does it then. */
int plenum_sealer_init(struct sealer *s, const uint8_t *keying, int length) {
    int key_length = length - SALT;
    if (!can_seal() || (key_length != KEY && key_length != LONG_KEY)) return 0;
    struct sealer master;
    uint8_t key[LONG_KEY];
    memset(s, 0, sizeof *s);
    expand_key(&master, keying, key_length);
    derive(&master, keying + key_length, 0, key, key_length);
    derive(&master, keying + key_length, 2, s->salt, SALT);
    expand_key(s, key, key_length);
    expand_hash_key(s);
    return 1;
}
#else
static void seal(const struct sealer *s, const uint8_t *iv, const uint8_t *plain, int plain_length, uint8_t *data, int length) {
    (void)s, (void)iv, (void)plain, (void)plain_length, (void)data, (void)length;
}

int plenum_sealer_init(struct sealer *s, const uint8_t *keying, int length) {
    (void)s, (void)keying, (void)length;
    return 0;
}
#endif

/* --- SRTP --- */

static struct source *find(struct sealer *s, uint32_t ssrc) {
    for (uint32_t i = 0; i < SOURCES; i++) {
        struct source *source = &s->sources[(ssrc + i) % SOURCES];
        if (!source->used || source->ssrc == ssrc) return source;
    }
    return NULL;
}

/* The index of a sequence number, as libsrtp guesses it (RFC 3711, 3.3.1 and appendix A). */
static int64_t guess(const struct source *source, uint16_t sequence) {
    int64_t newest = source->newest, round = newest & ~(int64_t)0xFFFF;
    int last = (int)(newest & 0xFFFF);
    if (!source->used || newest <= 0x8000) return sequence;
    if (last < 0x8000) return (sequence - last > 0x8000 ? round - 0x10000 : round) | sequence;
    return (last - 0x8000 > sequence ? round + 0x10000 : round) | sequence;
}

/* Like srtp_protect: an RTP packet in place, with room for the tag. Returns 0 for success. One whose number is too far behind the newest
 * is refused: its roll-over counter could not be known. */
int plenum_seal(void *session, void *packet, int *length) {
    struct sealer *s = session;
    uint8_t *data = packet, iv[BLOCK] = {0};
    if (*length < HEADER) return 1;
    int header = HEADER + 4 * (data[0] & 15);
    if (data[0] & 0x10) {
        if (*length < header + 4) return 1;
        header += 4 + 4 * (data[header + 2] << 8 | data[header + 3]);
    }
    if (*length < header) return 1;
    uint32_t ssrc = (uint32_t)data[8] << 24 | (uint32_t)data[9] << 16 | (uint32_t)data[10] << 8 | data[11];
    struct source *source = find(s, ssrc);
    if (!source) return 1;
    int64_t index = guess(source, (uint16_t)(data[2] << 8 | data[3]));
    if (source->used && index - source->newest <= -WINDOW) return 1;
    if (!source->used || index > source->newest) *source = (struct source){index, ssrc, 1};
    memcpy(iv + 2, data + 8, 4);
    for (int i = 0; i < 6; i++) iv[6 + i] = (uint8_t)(index >> (40 - 8 * i));
    for (int i = 0; i < SALT; i++) iv[i] ^= s->salt[i];
    seal(s, iv, data, header, data + header, *length - header);
    *length += TAG;
    return 0;
}
