/* The limit: what one core does with the instructions it is given, written in C by hand.
 *
 * `bluezone-sim bench limit` compiles this file, loads it, and sets the package's figures beside it. Each
 * job is written in the ways that are known to be quick (SHA-256 on the SHA instructions, so many keys
 * interleaved, or on vector lanes; AES as wide as the processor has it; the filter asked by gathers, by
 * words, or by words fetched ahead), and the quickest of them on the machine at hand counts as the limit.
 *
 * Every function takes a number of keys that is a multiple of GROUP.
 *
 * Bluezone: sub-keys are a SHA-256 chain from a daily key; twelve bytes of each are an identifier.
 * Exposure Notification (GAEN): HKDF-SHA256 of a key gives an AES key, which encrypts 144 interval numbers.
 */
#include <immintrin.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 64")
#endif
#define INLINE static inline __attribute__((always_inline))

enum { GROUP = 16, CHAIN = 96, ID_BYTES = 12, DAY = 144, DAY_BYTES = 16 * DAY };

/* ---- SHA-256: constants (FIPS 180-4), and one plain compression for what is the same for all keys */

static const uint32_t K[64] __attribute__((aligned(64))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
static const uint32_t START[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
/* Words 8 to 15 of the message whose first eight are a daily key: "bluzonesubkey", padding, 45 bytes. */
static const uint32_t SUBKEY[8] = {0x626c757a, 0x6f6e6573, 0x75626b65, 0x79800000, 0, 0, 0, 45 * 8};
/* "EN-RPIK" and the counter of HKDF's only block. */
static const uint32_t LABEL[2] = {0x454e2d52, 0x50494b01};
enum { END = (int)0x80000000, INNER_PAD = 0x36363636, OUTER_PAD = 0x5c5c5c5c };

INLINE uint32_t turned(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void hash_plain(uint32_t state[8], const uint32_t message[16])
{
    uint32_t w[64], s[8];
    memcpy(w, message, 64);
    memcpy(s, state, 32);
    for (int t = 16; t < 64; t++) {
        uint32_t x = w[t - 15], y = w[t - 2];
        w[t] = w[t - 16] + w[t - 7] + (turned(x, 7) ^ turned(x, 18) ^ x >> 3) +
               (turned(y, 17) ^ turned(y, 19) ^ y >> 10);
    }
    for (int t = 0; t < 64; t++) {
        uint32_t a = s[0], e = s[4];
        uint32_t t1 = s[7] + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) +
                      ((e & s[5]) ^ (~e & s[6])) + K[t] + w[t];
        uint32_t t2 = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) +
                      ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 28);
        s[0] = t1 + t2;
        s[4] += t1;
    }
    for (int i = 0; i < 8; i++)
        state[i] += s[i];
}

/* States of the outer and inner hash of an HMAC whose key is all zeros: HKDF's without a salt. */
static uint32_t zero_inner[8], zero_outer[8];

__attribute__((constructor)) static void make_zero_states(void)
{
    uint32_t pad[16];
    for (int i = 0; i < 16; i++)
        pad[i] = INNER_PAD;
    memcpy(zero_inner, START, 32);
    hash_plain(zero_inner, pad);
    for (int i = 0; i < 16; i++)
        pad[i] = OUTER_PAD;
    memcpy(zero_outer, START, 32);
    hash_plain(zero_outer, pad);
}

/* ---- SHA-256 on the SHA instructions, several messages interleaved */
#ifdef __SHA__

enum { MOST = 4 };
/* Messages are four vectors of four words; a state is (A, B, E, F) and (C, D, G, H), as the instructions
 * want it. */
typedef struct {
    __m128i abef[MOST], cdgh[MOST], m[MOST][4];
} Streams;

INLINE void hash_ni(const int n, Streams *x)
{
    __m128i abef[MOST], cdgh[MOST];
    UNROLLED for (int s = 0; s < n; s++)
    {
        abef[s] = x->abef[s];
        cdgh[s] = x->cdgh[s];
    }
    UNROLLED for (int r = 0; r < 16; r++)
    {
        UNROLLED for (int s = 0; s < n; s++)
        {
            __m128i *m = x->m[s];
            __m128i wk = _mm_add_epi32(m[r & 3], _mm_load_si128((const __m128i *)K + r));
            x->cdgh[s] = _mm_sha256rnds2_epu32(x->cdgh[s], x->abef[s], wk);
            wk = _mm_shuffle_epi32(wk, 0x0e);
            x->abef[s] = _mm_sha256rnds2_epu32(x->abef[s], x->cdgh[s], wk);
            if (r >= 3 && r < 15) {
                __m128i next = _mm_sha256msg1_epu32(m[(r - 3) & 3], m[(r - 2) & 3]);
                next = _mm_add_epi32(next, _mm_alignr_epi8(m[r & 3], m[(r - 1) & 3], 4));
                m[(r + 1) & 3] = _mm_sha256msg2_epu32(next, m[r & 3]);
            }
        }
    }
    UNROLLED for (int s = 0; s < n; s++)
    {
        x->abef[s] = _mm_add_epi32(x->abef[s], abef[s]);
        x->cdgh[s] = _mm_add_epi32(x->cdgh[s], cdgh[s]);
    }
}

INLINE void begin_ni(const int n, Streams *x, const uint32_t *h)
{
    UNROLLED for (int s = 0; s < n; s++)
    {
        x->abef[s] = _mm_set_epi32(h[0], h[1], h[4], h[5]);
        x->cdgh[s] = _mm_set_epi32(h[2], h[3], h[6], h[7]);
    }
}

/* The state's words in order, four and four. */
INLINE void words_ni(const Streams *x, int s, __m128i *low, __m128i *high)
{
    *low = _mm_shuffle_epi32(_mm_unpackhi_epi64(x->cdgh[s], x->abef[s]), 0x1b);
    *high = _mm_shuffle_epi32(_mm_unpacklo_epi64(x->cdgh[s], x->abef[s]), 0x1b);
}

/* The end of a message of 8 words, or of 4 in front of which `before` bytes were hashed. */
INLINE void end_ni(Streams *x, int s, int before)
{
    x->m[s][2] = _mm_set_epi32(0, 0, 0, END);
    x->m[s][3] = _mm_set_epi32(8 * (before + 32), 0, 0, 0);
}

INLINE __m128i swapped(__m128i words)
{
    const __m128i order = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    return _mm_shuffle_epi8(words, order);
}

INLINE void ids_ni(const int n, const uint8_t *keys, uint8_t *out, long count)
{
    const int x = -1;
    const __m128i from_low = _mm_set_epi8(x, x, x, x, x, x, x, x, x, x, x, x, 15, 11, 7, 3);
    const __m128i from_high = _mm_set_epi8(x, x, x, x, 13, 15, 9, 11, 5, 7, 1, 3, x, x, x, x);
    for (long k = 0; k < count; k += n, keys += 32 * n, out += CHAIN * ID_BYTES * n) {
        Streams now;
        begin_ni(n, &now, START);
        UNROLLED for (int s = 0; s < n; s++)
        {
            const __m128i *key = (const __m128i *)(keys + 32 * s);
            now.m[s][0] = swapped(_mm_loadu_si128(key));
            now.m[s][1] = swapped(_mm_loadu_si128(key + 1));
            now.m[s][2] = _mm_loadu_si128((const __m128i *)SUBKEY);
            now.m[s][3] = _mm_loadu_si128((const __m128i *)SUBKEY + 1);
        }
        hash_ni(n, &now);
        for (int i = 0; i < CHAIN; i++) {
            UNROLLED for (int s = 0; s < n; s++)
            {
                words_ni(&now, s, &now.m[s][0], &now.m[s][1]);
                __m128i id = _mm_or_si128(_mm_shuffle_epi8(now.m[s][0], from_low),
                                          _mm_shuffle_epi8(now.m[s][1], from_high));
                uint8_t *to = out + ID_BYTES * (CHAIN * s + i);
                uint32_t last = _mm_extract_epi32(id, 2);
                _mm_storel_epi64((__m128i *)to, id);
                memcpy(to + 8, &last, 4);
                end_ni(&now, s, 0);
            }
            begin_ni(n, &now, START);
            if (i < CHAIN - 1)
                hash_ni(n, &now);
        }
    }
}

/* The HMAC's pads, made of its key of 8 words. */
INLINE void padded_ni(Streams *x, int s, __m128i low, __m128i high, int pad)
{
    const __m128i all = _mm_set1_epi32(pad);
    x->m[s][0] = _mm_xor_si128(low, all);
    x->m[s][1] = _mm_xor_si128(high, all);
    x->m[s][2] = x->m[s][3] = all;
}

/* HKDF of n keys: six compressions. */
INLINE void derive_ni(const int n, const uint8_t *keys, uint8_t *out)
{
    const __m128i zero = _mm_setzero_si128();
    Streams now;
    __m128i low[MOST], high[MOST], inner_low[MOST], inner_high[MOST];
    begin_ni(n, &now, zero_inner);
    UNROLLED for (int s = 0; s < n; s++)
    {
        now.m[s][0] = swapped(_mm_loadu_si128((const __m128i *)keys + s));
        now.m[s][1] = _mm_set_epi32(0, 0, 0, END);
        now.m[s][2] = zero;
        now.m[s][3] = _mm_set_epi32(8 * (64 + 16), 0, 0, 0);
    }
    hash_ni(n, &now);
    UNROLLED for (int s = 0; s < n; s++)
    {
        words_ni(&now, s, &now.m[s][0], &now.m[s][1]);
        end_ni(&now, s, 64);
    }
    begin_ni(n, &now, zero_outer);
    hash_ni(n, &now);
    UNROLLED for (int s = 0; s < n; s++)
    {
        words_ni(&now, s, &low[s], &high[s]);
        padded_ni(&now, s, low[s], high[s], INNER_PAD);
    }
    begin_ni(n, &now, START);
    hash_ni(n, &now);
    UNROLLED for (int s = 0; s < n; s++)
    {
        now.m[s][0] = _mm_set_epi32(0, END, LABEL[1], LABEL[0]);
        now.m[s][1] = now.m[s][2] = zero;
        now.m[s][3] = _mm_set_epi32(8 * (64 + 8), 0, 0, 0);
    }
    hash_ni(n, &now);
    UNROLLED for (int s = 0; s < n; s++)
    {
        words_ni(&now, s, &inner_low[s], &inner_high[s]);
        padded_ni(&now, s, low[s], high[s], OUTER_PAD);
    }
    begin_ni(n, &now, START);
    hash_ni(n, &now);
    UNROLLED for (int s = 0; s < n; s++)
    {
        now.m[s][0] = inner_low[s];
        now.m[s][1] = inner_high[s];
        end_ni(&now, s, 64);
    }
    hash_ni(n, &now);
    UNROLLED for (int s = 0; s < n; s++)
    {
        words_ni(&now, s, &low[s], &high[s]);
        _mm_storeu_si128((__m128i *)out + s, swapped(low[s]));
    }
}

#define SHA_NI(N)                                                                                    \
    void ids_shani##N(const uint8_t *keys, uint8_t *out, long n) { ids_ni(N, keys, out, n); }        \
    static __attribute__((noinline)) void derive_shani##N(const uint8_t *keys, uint8_t *out)         \
    {                                                                                                \
        for (int k = 0; k < GROUP; k += N)                                                           \
            derive_ni(N, keys + 16 * k, out + 16 * k);                                               \
    }
SHA_NI(2)
SHA_NI(4)
#endif

/* ---- SHA-256 on vector lanes, a message each */
#ifdef __AVX2__

#ifdef __AVX512F__
enum { LANES = 16 };
typedef uint32_t Lanes __attribute__((vector_size(64)));
#define LOGIC(a, b, c, table)                                                                        \
    ((Lanes)_mm512_ternarylogic_epi32((__m512i)(a), (__m512i)(b), (__m512i)(c), table))
#define XOR3(a, b, c) LOGIC(a, b, c, 0x96)
#define CHOSEN(e, f, g) LOGIC(e, f, g, 0xca)
#define MAJORITY(a, b, c) LOGIC(a, b, c, 0xe8)
#define TURNED(x, n) ((Lanes)_mm512_ror_epi32((__m512i)(x), n))
#else
enum { LANES = 8 };
typedef uint32_t Lanes __attribute__((vector_size(32)));
#define XOR3(a, b, c) ((a) ^ (b) ^ (c))
#define CHOSEN(e, f, g) ((g) ^ ((e) & ((f) ^ (g))))
#define MAJORITY(a, b, c) (((a) & (b)) | ((c) & ((a) | (b))))
#define TURNED(x, n) ((x) >> (n) | (x) << (32 - (n)))
#endif
#define ALL(x) ((Lanes){} + (uint32_t)(x))

INLINE void hash_lanes(Lanes state[8], Lanes w[16])
{
    Lanes a = state[0], b = state[1], c = state[2], d = state[3];
    Lanes e = state[4], f = state[5], g = state[6], h = state[7];
    UNROLLED for (int t = 0; t < 64; t++)
    {
        if (t >= 16) {
            Lanes x = w[(t - 15) & 15], y = w[(t - 2) & 15];
            w[t & 15] += XOR3(TURNED(x, 7), TURNED(x, 18), x >> 3) + w[(t - 7) & 15] +
                         XOR3(TURNED(y, 17), TURNED(y, 19), y >> 10);
        }
        Lanes t1 = h + (w[t & 15] + ALL(K[t])) + XOR3(TURNED(e, 6), TURNED(e, 11), TURNED(e, 25)) +
                   CHOSEN(e, f, g);
        Lanes t2 = XOR3(TURNED(a, 2), TURNED(a, 13), TURNED(a, 22)) + MAJORITY(a, b, c);
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

INLINE void begin_lanes(Lanes state[8], const uint32_t h[8])
{
    UNROLLED for (int i = 0; i < 8; i++) state[i] = ALL(h[i]);
}

/* The end of a message of so many words, in front of which `before` bytes were hashed. */
INLINE void end_lanes(Lanes w[16], const int words, int before)
{
    w[words] = ALL(END);
    UNROLLED for (int i = words + 1; i < 15; i++) w[i] = ALL(0);
    w[15] = ALL(8 * (before + 4 * words));
}

INLINE void load_lanes(Lanes *w, const uint8_t *keys, const int words)
{
    uint32_t turned[8][LANES] __attribute__((aligned(64)));
    for (int s = 0; s < LANES; s++)
        UNROLLED for (int i = 0; i < words; i++)
        {
            uint32_t x;
            memcpy(&x, keys + 4 * (words * s + i), 4);
            turned[i][s] = __builtin_bswap32(x);
        }
    UNROLLED for (int i = 0; i < words; i++) w[i] = *(const Lanes *)turned[i];
}

/* Two words of which one byte in two is on air. */
INLINE Lanes on_air(Lanes x, Lanes y)
{
    return x >> 24 | (x & 0xff00) | (y >> 24 | (y & 0xff00)) << 16;
}

INLINE void store_ids(const Lanes w[8], uint8_t *out)
{
    Lanes id[3];
    id[0] = w[0] >> 24 | w[1] >> 24 << 8 | w[2] >> 24 << 16 | (w[3] & 0xff000000);
    id[1] = on_air(w[4], w[5]);
    id[2] = on_air(w[6], w[7]);
    UNROLLED for (int s = 0; s < LANES; s++)
    {
        uint8_t *to = out + CHAIN * ID_BYTES * s;
        UNROLLED for (int i = 0; i < 3; i++) memcpy(to + 4 * i, (const uint32_t *)&id[i] + s, 4);
    }
}

void ids_lanes(const uint8_t *keys, uint8_t *out, long n)
{
    for (long k = 0; k < n; k += LANES, keys += 32 * LANES, out += CHAIN * ID_BYTES * LANES) {
        Lanes h[8], w[16];
        load_lanes(w, keys, 8);
        UNROLLED for (int i = 0; i < 8; i++) w[8 + i] = ALL(SUBKEY[i]);
        begin_lanes(h, START);
        hash_lanes(h, w);
        for (int i = 0; i < CHAIN; i++) {
            store_ids(h, out + ID_BYTES * i);
            if (i == CHAIN - 1)
                break;
            UNROLLED for (int j = 0; j < 8; j++) w[j] = h[j];
            end_lanes(w, 8, 0);
            begin_lanes(h, START);
            hash_lanes(h, w);
        }
    }
}

INLINE void padded_lanes(Lanes w[16], const Lanes key[8], int pad)
{
    UNROLLED for (int i = 0; i < 8; i++) w[i] = key[i] ^ ALL(pad);
    UNROLLED for (int i = 8; i < 16; i++) w[i] = ALL(pad);
}

static __attribute__((noinline)) void derive_some_lanes(const uint8_t *keys, uint8_t *out)
{
    Lanes h[8], w[16], key[8], inner[8];
    load_lanes(w, keys, 4);
    end_lanes(w, 4, 64);
    begin_lanes(h, zero_inner);
    hash_lanes(h, w);
    UNROLLED for (int i = 0; i < 8; i++) w[i] = h[i];
    end_lanes(w, 8, 64);
    begin_lanes(key, zero_outer);
    hash_lanes(key, w);
    padded_lanes(w, key, INNER_PAD);
    begin_lanes(inner, START);
    hash_lanes(inner, w);
    w[0] = ALL(LABEL[0]);
    w[1] = ALL(LABEL[1]);
    end_lanes(w, 2, 64);
    hash_lanes(inner, w);
    padded_lanes(w, key, OUTER_PAD);
    begin_lanes(h, START);
    hash_lanes(h, w);
    UNROLLED for (int i = 0; i < 8; i++) w[i] = inner[i];
    end_lanes(w, 8, 64);
    hash_lanes(h, w);
    for (int s = 0; s < LANES; s++)
        UNROLLED for (int i = 0; i < 4; i++)
        {
            uint32_t x = __builtin_bswap32(((const uint32_t *)&h[i])[s]);
            memcpy(out + 4 * (4 * s + i), &x, 4);
        }
}

static void derive_lanes(const uint8_t *keys, uint8_t *out)
{
    for (int k = 0; k < GROUP; k += LANES)
        derive_some_lanes(keys + 16 * k, out + 16 * k);
}
#endif

/* ---- AES-128, as many blocks in a vector as there can be */

#if defined(__VAES__) && defined(__AVX512F__)
enum { WIDE = 4, BATCH = 12 };
typedef __m512i Blocks;
#define ENCRYPT(x, k) _mm512_aesenc_epi128(x, k)
#define LAST(x, k) _mm512_aesenclast_epi128(x, k)
#define SHUFFLED(x, order) _mm512_shuffle_epi8(x, order)
#define SHIFTED(x, n) _mm512_bslli_epi128(x, n)
#define SAME(x) _mm512_broadcast_i32x4(x)
#elif defined(__VAES__)
enum { WIDE = 2, BATCH = 8 };
typedef __m256i Blocks;
#define ENCRYPT(x, k) _mm256_aesenc_epi128(x, k)
#define LAST(x, k) _mm256_aesenclast_epi128(x, k)
#define SHUFFLED(x, order) _mm256_shuffle_epi8(x, order)
#define SHIFTED(x, n) _mm256_bslli_epi128(x, n)
#define SAME(x) _mm256_broadcastsi128_si256(x)
#else
enum { WIDE = 1, BATCH = 8 };
typedef __m128i Blocks;
#define ENCRYPT(x, k) _mm_aesenc_si128(x, k)
#define LAST(x, k) _mm_aesenclast_si128(x, k)
#define SHUFFLED(x, order) _mm_shuffle_epi8(x, order)
#define SHIFTED(x, n) _mm_bslli_si128(x, n)
#define SAME(x) (x)
#endif
/* 32-bit additions, of which C's operators on vectors know. */
typedef uint32_t Words __attribute__((vector_size(16 * WIDE)));

typedef struct {
    __m128i key[11][GROUP];
} Schedules;

/* Round keys of GROUP keys, four vectors of them interleaved. The last round of an encryption, of a word
 * that stands in every column, is the S-box and the round constant. */
INLINE void schedule(const uint8_t *keys, Schedules *to)
{
    static const int round[10] = {1, 2, 4, 8, 16, 32, 64, 128, 0x1b, 0x36};
    const Blocks order = SAME(_mm_set1_epi32(0x0c0f0e0d));
    for (int first = 0; first < GROUP; first += 4 * WIDE) {
        Blocks now[4];
        UNROLLED for (int v = 0; v < 4; v++)
        {
            memcpy(&now[v], keys + 16 * (first + WIDE * v), sizeof(Blocks));
            memcpy(&to->key[0][first + WIDE * v], &now[v], sizeof(Blocks));
        }
        UNROLLED for (int r = 0; r < 10; r++)
        {
            UNROLLED for (int v = 0; v < 4; v++)
            {
                Blocks x = now[v];
                Blocks word = LAST(SHUFFLED(x, order), SAME(_mm_set1_epi32(round[r])));
                x ^= SHIFTED(x, 4);
                x ^= SHIFTED(x, 8);
                now[v] = x ^ word;
                memcpy(&to->key[r + 1][first + WIDE * v], &now[v], sizeof(Blocks));
            }
        }
    }
}

/* What is encrypted: "EN-RPI", zeros, the number of the interval; the first WIDE of a day. */
INLINE Words first_blocks(uint32_t number)
{
    const __m128i same = _mm_set_epi32(number, 0, 0x00004950, 0x522d4e45);
    Words out = (Words)SAME(same);
    UNROLLED for (int q = 1; q < WIDE; q++) out[4 * q + 3] += q;
    return out;
}

/* n vectors, whose numbers grow by so many from one to the next; `at` moves on. */
INLINE void encrypt(const int n, const int by, const Blocks key[11], Words *at, Blocks *x)
{
    UNROLLED for (int q = 0; q < n; q++)
    {
        x[q] = (Blocks)*at ^ key[0];
        *at += (Words)SAME(_mm_set_epi32(by, 0, 0, 0));
    }
    UNROLLED for (int r = 1; r < 10; r++)
    {
        UNROLLED for (int q = 0; q < n; q++) x[q] = ENCRYPT(x[q], key[r]);
    }
    UNROLLED for (int q = 0; q < n; q++) x[q] = LAST(x[q], key[10]);
}

INLINE void encrypt_day(const Schedules *all, int k, uint32_t number, uint8_t *out)
{
    Blocks key[11], x[BATCH];
    Words at = first_blocks(number);
    UNROLLED for (int r = 0; r < 11; r++) key[r] = SAME(all->key[r][k]);
    for (int j = 0; j < DAY; j += WIDE * BATCH) {
        encrypt(BATCH, WIDE, key, &at, x);
        UNROLLED for (int q = 0; q < BATCH; q++) memcpy(out + 16 * (j + WIDE * q), &x[q], sizeof(x[q]));
    }
}

typedef void Derive(const uint8_t *keys, uint8_t *out);

INLINE void expand(Derive *derive, const uint8_t *keys, const uint32_t *numbers, uint8_t *out, long n)
{
    uint8_t derived[16 * GROUP];
    Schedules all;
    for (long k = 0; k < n; k += GROUP) {
        derive(keys + 16 * k, derived);
        schedule(derived, &all);
        for (int i = 0; i < GROUP; i++)
            encrypt_day(&all, i, numbers[k + i], out + DAY_BYTES * (k + i));
    }
}

/* ---- Look-up: a filter of 64-bit words, two bits of one an identifier, before a table of identifiers */

typedef struct {
    uint64_t low, high;
} Id;
typedef struct {
    uint64_t *filter;
    int filter_shift;
    Id *table; /* open addressing; zeros are empty */
    uint64_t table_mask;
} Index;

INLINE uint64_t bits_of(uint64_t hash) { return 1ull << (hash & 63) | 1ull << (hash >> 6 & 63); }

/* Zeros, in large pages where the system gives them: a large filter is asked at random. */
static void *zeros(size_t bytes)
{
    const size_t page = 1 << 21, whole = (bytes + page - 1) / page * page;
    void *out = aligned_alloc(page, whole);
    if (out == NULL)
        return NULL;
#ifdef MADV_HUGEPAGE
    madvise(out, whole, MADV_HUGEPAGE);
#endif
    return memset(out, 0, bytes);
}

void index_free(Index *index)
{
    if (index != NULL) {
        free(index->filter);
        free(index->table);
    }
    free(index);
}

/* An index of n identifiers, with a filter of 2^filter_log2 words; NULL where memory is short. */
Index *index_new(const Id *ids, long n, int filter_log2)
{
    uint64_t slots = 2;
    while (slots < 2 * (uint64_t)n)
        slots *= 2;
    Index *index = calloc(1, sizeof *index);
    if (index == NULL)
        return NULL;
    index->filter = zeros(8ull << filter_log2);
    index->table = zeros(slots * sizeof(Id));
    if (index->filter == NULL || index->table == NULL) {
        index_free(index);
        return NULL;
    }
    index->filter_shift = 64 - filter_log2;
    index->table_mask = slots - 1;
    for (long i = 0; i < n; i++) {
        uint64_t at = ids[i].high & index->table_mask;
        index->filter[ids[i].low >> index->filter_shift] |= bits_of(ids[i].low);
        while (index->table[at].low | index->table[at].high)
            at = (at + 1) & index->table_mask;
        index->table[at] = ids[i];
    }
    return index;
}

INLINE int is_there(const Index *index, Id id)
{
    for (uint64_t at = id.high & index->table_mask;; at = (at + 1) & index->table_mask) {
        Id found = index->table[at];
        if (found.low == id.low && found.high == id.high)
            return 1;
        if (!(found.low | found.high))
            return 0;
    }
}

typedef struct {
    int64_t key, number;
} Hit;

/* Candidates of a group of keys, which wait for their lines of the table. */
typedef struct {
    int n;
    struct {
        Id id;
        Hit hit;
    } of[GROUP * DAY];
} Waiting;

INLINE void wait_for(Waiting *waiting, const Index *index, Id id, int64_t key, int64_t number)
{
    __builtin_prefetch(&index->table[id.high & index->table_mask]);
    waiting->of[waiting->n].id = id;
    waiting->of[waiting->n].hit = (Hit){key, number};
    waiting->n++;
}

static long settle(Waiting *waiting, const Index *index, Hit *hits)
{
    long found = 0;
    for (int i = 0; i < waiting->n; i++)
        if (is_there(index, waiting->of[i].id))
            hits[found++] = waiting->of[i].hit;
    waiting->n = 0;
    return found;
}

#if defined(__VAES__) && defined(__AVX512F__) && defined(__AVX512DQ__)
/* Eight identifiers' words of the filter in one gather, of two vectors that are still registers. */
INLINE uint32_t passing(const Index *index, __m512i a, __m512i b)
{
    const __m512i one = _mm512_set1_epi64(1), low_six = _mm512_set1_epi64(63);
    __m512i hash = _mm512_unpacklo_epi64(a, b);
    __m512i at = _mm512_srl_epi64(hash, _mm_cvtsi32_si128(index->filter_shift));
    __m512i word = _mm512_i64gather_epi64(at, index->filter, 8);
    __m512i second = _mm512_and_si512(_mm512_srli_epi64(hash, 6), low_six);
    __m512i bits = _mm512_or_si512(_mm512_sllv_epi64(one, _mm512_and_si512(hash, low_six)),
                                   _mm512_sllv_epi64(one, second));
    return _mm512_cmpeq_epi64_mask(_mm512_and_si512(word, bits), bits);
}

enum { STEP = 8 };

/* Identifiers of four keys, one in each quarter of a vector. */
INLINE void probe_gathered(const Index *index, const Schedules *all, int i, const uint32_t *numbers,
                           long key, Waiting *waiting)
{
    Blocks round[11], x[STEP];
    Words at = first_blocks(0);
    UNROLLED for (int r = 0; r < 11; r++) round[r] = _mm512_loadu_si512(&all->key[r][i]);
    UNROLLED for (int q = 0; q < WIDE; q++) at[4 * q + 3] = numbers[q];
    for (int j = 0; j < DAY; j += STEP) {
        uint32_t bits = 0;
        encrypt(STEP, 1, round, &at, x);
        UNROLLED for (int q = 0; q < STEP; q += 2) bits |= passing(index, x[q], x[q + 1]) << (4 * q);
        if (__builtin_expect(bits != 0, 0)) {
            Id ids[STEP][WIDE] __attribute__((aligned(64)));
            UNROLLED for (int q = 0; q < STEP; q++) memcpy(ids[q], &x[q], sizeof(x[q]));
            for (; bits; bits &= bits - 1) {
                int bit = __builtin_ctz(bits);
                int q = bit / 8 * 2 + bit % 2, of = bit % 8 / 2;
                wait_for(waiting, index, ids[q][of], key + of, j + q);
            }
        }
    }
}

INLINE long match_gathered(Derive *derive, const uint8_t *keys, const uint32_t *numbers,
                           const Index *index, Hit *hits, long n)
{
    uint8_t derived[16 * GROUP];
    Schedules all;
    Waiting waiting;
    long found = 0;
    waiting.n = 0;
    for (long k = 0; k < n; k += GROUP) {
        derive(keys + 16 * k, derived);
        schedule(derived, &all);
        for (int i = 0; i < GROUP; i += WIDE)
            probe_gathered(index, &all, i, numbers + k + i, k + i, &waiting);
        found += settle(&waiting, index, hits + found);
    }
    return found;
}
#endif

/* Keys whose identifiers are written out, into the first cache, and looked up; and so many at a time. */
enum { TOGETHER = 4, SPAN = 16 };

INLINE void probe_words(const Index *index, const Id *ids, long key, Waiting *waiting)
{
    const uint64_t *filter = index->filter;
    const int shift = index->filter_shift;
    for (int first = 0; first < TOGETHER * DAY; first += SPAN) {
        uint64_t bits = 0;
        UNROLLED for (int j = 0; j < SPAN; j++) /* no branch: many words are on their way at a time */
        {
            uint64_t hash = ids[first + j].low, word = filter[hash >> shift];
            bits |= (word >> (hash & 63) & word >> (hash >> 6 & 63) & 1) << j;
        }
        for (; bits; bits &= bits - 1) {
            int at = first + __builtin_ctzll(bits);
            wait_for(waiting, index, ids[at], key + at / DAY, at % DAY);
        }
    }
}

/* Where `ahead`, the words of some keys are fetched while the next keys are encrypted. */
INLINE long match_words(const int ahead, Derive *derive, const uint8_t *keys, const uint32_t *numbers,
                        const Index *index, Hit *hits, long n)
{
    uint8_t derived[16 * GROUP];
    Id ids[2][TOGETHER * DAY] __attribute__((aligned(64)));
    Schedules all;
    Waiting waiting;
    long found = 0, turn = 0;
    waiting.n = 0;
    for (long k = 0; k < n; k += GROUP) {
        derive(keys + 16 * k, derived);
        schedule(derived, &all);
        for (int i = 0; i < GROUP; i += TOGETHER, turn++) {
            Id *now = ids[ahead ? turn & 1 : 0];
            for (int s = 0; s < TOGETHER; s++)
                encrypt_day(&all, i + s, numbers[k + i + s], (uint8_t *)(now + DAY * s));
            if (!ahead)
                probe_words(index, now, k + i, &waiting);
            else {
                for (int j = 0; j < TOGETHER * DAY; j++)
                    __builtin_prefetch(&index->filter[now[j].low >> index->filter_shift]);
                if (turn > 0)
                    probe_words(index, ids[~turn & 1], k + i - TOGETHER, &waiting);
            }
        }
        found += settle(&waiting, index, hits + found);
    }
    if (ahead && turn > 0)
        probe_words(index, ids[~turn & 1], n - TOGETHER, &waiting);
    return found + settle(&waiting, index, hits + found);
}

/* A key's identifiers are written out; then their words are loaded one by one, and tested by the vector. */
#if defined(__AVX512F__) && defined(__AVX512DQ__)
enum { TESTED = 8 };
typedef __m512i Tests;
#define FIRST_HALVES(a, b) _mm512_unpacklo_epi64(a, b)
#define SIGNS(x) _mm512_movepi64_mask(x)
#elif defined(__AVX2__)
enum { TESTED = 4 };
typedef __m256i Tests;
#define FIRST_HALVES(a, b) _mm256_unpacklo_epi64(a, b)
#define SIGNS(x) _mm256_movemask_pd((__m256d)(x))
#endif

#ifdef __AVX2__
typedef uint64_t Longs __attribute__((vector_size(8 * TESTED)));
enum { PART = DAY / 3 };

/* Identifier q of the first half stands before identifier q of the second, as they are unpacked. */
INLINE uint32_t tested(const Index *index, const Id *ids)
{
    Tests a, b;
    Longs hash, word;
    memcpy(&a, ids, sizeof(a));
    memcpy(&b, ids + TESTED / 2, sizeof(b));
    hash = (Longs)FIRST_HALVES(a, b);
    UNROLLED for (int q = 0; q < TESTED; q++)
    {
        word[q] = index->filter[ids[q / 2 + q % 2 * (TESTED / 2)].low >> index->filter_shift];
    }
    /* Each of the two bits, moved to where the sign is. */
    return SIGNS((Tests)(word << (~hash & 63) & word << (~(hash >> 6) & 63)));
}

INLINE long match_apart(Derive *derive, const uint8_t *keys, const uint32_t *numbers, const Index *index,
                        Hit *hits, long n)
{
    uint8_t derived[16 * GROUP];
    Id ids[DAY] __attribute__((aligned(64)));
    Schedules all;
    Waiting waiting;
    long found = 0;
    waiting.n = 0;
    for (long k = 0; k < n; k += GROUP) {
        derive(keys + 16 * k, derived);
        schedule(derived, &all);
        for (int i = 0; i < GROUP; i++) {
            encrypt_day(&all, i, numbers[k + i], (uint8_t *)ids);
            for (int first = 0; first < DAY; first += PART) {
                uint64_t bits = 0;
                UNROLLED for (int j = 0; j < PART; j += TESTED)
                {
                    bits |= (uint64_t)tested(index, ids + first + j) << j;
                }
                for (; bits; bits &= bits - 1) {
                    int bit = __builtin_ctzll(bits), q = bit % TESTED;
                    int at = first + bit - q + q / 2 + q % 2 * (TESTED / 2);
                    wait_for(&waiting, index, ids[at], k + i, at);
                }
            }
        }
        found += settle(&waiting, index, hits + found);
    }
    return found;
}
#endif

/* ---- Every way of every job, by name */

#define JOB(name) long name(const uint8_t *k, const uint32_t *numbers, const Index *x, Hit *hits, long n)
#define WAYS(SHA)                                                                                    \
    void expand_##SHA(const uint8_t *k, const uint32_t *numbers, uint8_t *out, long n)               \
    {                                                                                                \
        expand(derive_##SHA, k, numbers, out, n);                                                    \
    }                                                                                                \
    JOB(match_words_##SHA) { return match_words(0, derive_##SHA, k, numbers, x, hits, n); }          \
    JOB(match_ahead_##SHA) { return match_words(1, derive_##SHA, k, numbers, x, hits, n); }
#define GATHERED(SHA)                                                                                \
    JOB(match_gathered_##SHA) { return match_gathered(derive_##SHA, k, numbers, x, hits, n); }

#define APART(SHA)                                                                                   \
    JOB(match_apart_##SHA) { return match_apart(derive_##SHA, k, numbers, x, hits, n); }

#ifdef __SHA__
WAYS(shani2)
WAYS(shani4)
#endif
#ifdef __AVX2__
WAYS(lanes)
APART(lanes)
#ifdef __SHA__
APART(shani2)
APART(shani4)
#endif
#endif
#if defined(__VAES__) && defined(__AVX512F__) && defined(__AVX512DQ__)
#ifdef __SHA__
GATHERED(shani2)
GATHERED(shani4)
#endif
GATHERED(lanes)
#endif
