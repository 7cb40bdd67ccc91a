// SHA-256 (FIPS 180-4), with the processor's own instructions on x86 where it has them: four times as fast.
#include "files.h"

#include <stdio.h>
#include <string.h>

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t word, int by) { return word >> by | word << (32 - by); }

static void compress(uint32_t state[8], const uint8_t *block) {
  uint32_t w[64], v[8];
  struct reader reader = {.at = block, .left = 64};
  for (int i = 0; i < 16; i++) w[i] = take_number(&reader, 4);
  for (int i = 16; i < 64; i++) {
    uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
    uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  memcpy(v, state, sizeof v);
  for (int i = 0; i < 64; i++) {
    uint32_t sum1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
    uint32_t sum0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
    uint32_t t1 = v[7] + sum1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + round_constants[i] + w[i];
    uint32_t t2 = sum0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    memmove(v + 1, v, 7 * sizeof *v);
    v[0] = t1 + t2;
    v[4] += t1;
  }
  for (int i = 0; i < 8; i++) state[i] += v[i];
}

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

static bool has_instructions(void) {
  unsigned a, b = 0, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

// The instructions want the state as ABEF and CDGH, and make four words of the message at a time.
__attribute__((target("sha,sse4.1"))) static void compress_fast(uint32_t state[8], const uint8_t *block) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
  __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state + 1), 0x1b);
  __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xf0);
  __m128i abef_before = abef, cdgh_before = cdgh, w[4];
  for (int i = 0; i < 4; i++) w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)block + i), swap);
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) {
    __m128i words = _mm_add_epi32(w[i & 3], _mm_loadu_si128((const __m128i *)round_constants + i));
    cdgh = _mm_sha256rnds2_epu32(cdgh, abef, words);
    abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(words, 0x0e));
    __m128i sum = _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4);
    sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]), sum);
    w[i & 3] = _mm_sha256msg2_epu32(sum, w[(i + 3) & 3]);
  }
  low = _mm_shuffle_epi32(_mm_add_epi32(abef, abef_before), 0x1b);
  high = _mm_shuffle_epi32(_mm_add_epi32(cdgh, cdgh_before), 0xb1);
  _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(low, high, 0xf0));
  _mm_storeu_si128((__m128i *)state + 1, _mm_alignr_epi8(high, low, 8));
}
#else
static bool has_instructions(void) { return false; }
static void compress_fast(uint32_t state[8], const uint8_t *block) { compress(state, block); }
#endif

void sha256_init(struct sha256 *hash) {
  *hash = (struct sha256){
      .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
      .compress = has_instructions() ? compress_fast : compress,
  };
}

void sha256_add(struct sha256 *hash, const uint8_t *bytes, size_t length) {
  while (length > 0) {
    size_t used = hash->length % 64, count = 64 - used < length ? 64 - used : length;
    if (count < 64) memcpy(hash->block + used, bytes, count);
    if (used + count == 64) hash->compress(hash->state, count < 64 ? hash->block : bytes);
    hash->length += count;
    bytes += count;
    length -= count;
  }
}

void sha256_finish(struct sha256 *hash, char hex[65]) {
  uint8_t padding[72] = {0x80};
  size_t zeroes = (119 - hash->length % 64) % 64;
  put_number(padding + 1 + zeroes, hash->length * 8, 8);
  sha256_add(hash, padding, 1 + zeroes + 8);
  for (int i = 0; i < 8; i++) snprintf(hex + 8 * i, 9, "%08x", hash->state[i]);
}
