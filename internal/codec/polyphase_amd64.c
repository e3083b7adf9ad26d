#include "polyphase.h"
#include <immintrin.h>
#include <string.h>

// MAX_PAIRS is how many pairs of samples a window has at most: at half the size.
#define MAX_PAIRS 4

#define AVX2 __attribute__((target("avx2")))
#define INLINE AVX2 __attribute__((always_inline)) static inline

// blend makes n samples, at least 32, of one row. The last block overlaps the one
// before it, so that nothing beyond the row is read.
INLINE void blend(uint8_t *out, const uint8_t *src, ptrdiff_t stride, int n, const int8_t *weights, int pairs) {
	__m256i c[MAX_PAIRS];
	for (int p = 0; p < pairs; p++) {
		int16_t both;
		memcpy(&both, weights + 2 * p, sizeof both);
		c[p] = _mm256_set1_epi16(both);
	}
	for (int x = 0;;) {
		__m256i lo = _mm256_set1_epi16(32), hi = lo;
		__builtin_prefetch(src + (2 * pairs + 3) * stride + x);
		__builtin_prefetch(src + (2 * pairs + 4) * stride + x);
		for (int p = 0; p < pairs; p++) {
			const __m256i a = _mm256_loadu_si256((const __m256i *)(src + 2 * p * stride + x));
			const __m256i b = _mm256_loadu_si256((const __m256i *)(src + (2 * p + 1) * stride + x));
			lo = _mm256_add_epi16(lo, _mm256_maddubs_epi16(_mm256_unpacklo_epi8(a, b), c[p]));
			hi = _mm256_add_epi16(hi, _mm256_maddubs_epi16(_mm256_unpackhi_epi8(a, b), c[p]));
		}
		_mm256_storeu_si256((__m256i *)(out + x), _mm256_packus_epi16(_mm256_srai_epi16(lo, 6), _mm256_srai_epi16(hi, 6)));
		if (x + 32 >= n)
			return;
		x = x + 64 <= n ? x + 32 : n - 32;
	}
}

// narrow makes samples of sums of weighted ones.
INLINE __m128i narrow(__m256i sum) {
	sum = _mm256_srai_epi16(sum, 6);
	return _mm_packus_epi16(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
}

// gather makes the 16 samples of a group.
INLINE __m128i gather(const uint8_t *line, const int32_t *offset, __m256i shuffle, const int8_t *weights, int pairs) {
	__m256i sum = _mm256_set1_epi16(32);
	for (int p = 0; p < pairs; p++) {
		const __m256i v = _mm256_loadu2_m128i((const __m128i *)(line + offset[1] + 2 * p), (const __m128i *)(line + offset[0] + 2 * p));
		const __m256i c = _mm256_loadu_si256((const __m256i *)(weights + 32 * p));
		sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(_mm256_shuffle_epi8(v, shuffle), c));
	}
	return narrow(sum);
}

// gather_near does that with four taps, which for all of the group are among 16
// samples of the line.
INLINE __m128i gather_near(const uint8_t *at, __m256i shuffle, const int8_t *weights) {
	const __m256i v = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)at));
	const __m256i a = _mm256_maddubs_epi16(_mm256_shuffle_epi8(v, shuffle), _mm256_loadu_si256((const __m256i *)weights));
	shuffle = _mm256_add_epi8(shuffle, _mm256_set1_epi8(2));
	const __m256i b = _mm256_maddubs_epi16(_mm256_shuffle_epi8(v, shuffle), _mm256_loadu_si256((const __m256i *)(weights + 32)));
	return narrow(_mm256_add_epi16(_mm256_add_epi16(a, b), _mm256_set1_epi16(32)));
}

// stretch makes a row of a line. ahead is how far ahead of it the row is that is made
// soon after: written without being in the cache, it would take twice as long.
INLINE void stretch(uint8_t *out, int w, const uint8_t *line, const int32_t *offsets, const uint8_t *shuffles, const int8_t *weights, int pairs, int near, ptrdiff_t ahead) {
	for (int x = 0;;) {
		const __m256i shuffle = _mm256_loadu_si256((const __m256i *)shuffles);
		const __m128i group = near ? gather_near(line + offsets[0], shuffle, weights) : gather(line, offsets, shuffle, weights, pairs);
		_mm_storeu_si128((__m128i *)(out + x), group);
		__builtin_prefetch(out + ahead + x, 1);
		if (x + 16 >= w)
			return;
		x = x + 32 <= w ? x + 16 : w - 16;
		offsets += 2, shuffles += 32, weights += 32 * pairs;
	}
}

AVX2 void cr_polyphase(uint8_t *dst, ptrdiff_t ds, int w, int h, const uint8_t *src, ptrdiff_t ss, int sw,
	const int32_t *rows, const int8_t *vweights, int vpairs,
	const int32_t *offsets, const uint8_t *shuffles, const int8_t *hweights, int hpairs, int near, uint8_t *line) {
	const ptrdiff_t ahead = 2 * ds;
	for (int y = 0; y < h; y++, dst += ds, vweights += 2 * vpairs) {
		const uint8_t *first = src + rows[y] * ss;
		// Constants let the compiler unroll what nearly all tiles need.
		if (vpairs == 2)
			blend(line, first, ss, sw, vweights, 2);
		else if (vpairs == 4)
			blend(line, first, ss, sw, vweights, 4);
		else
			blend(line, first, ss, sw, vweights, vpairs);
		if (near)
			stretch(dst, w, line, offsets, shuffles, hweights, 2, 1, ahead);
		else if (hpairs == 2)
			stretch(dst, w, line, offsets, shuffles, hweights, 2, 0, ahead);
		else if (hpairs == 4)
			stretch(dst, w, line, offsets, shuffles, hweights, 4, 0, ahead);
		else
			stretch(dst, w, line, offsets, shuffles, hweights, hpairs, 0, ahead);
	}
}
