#include "threequarters.h"
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define INLINE AVX2 __attribute__((always_inline)) static inline

// BLOCK is how many samples of a source row are read at a time.
#define BLOCK 32

// half returns (a + b) / 2, rounded down.
INLINE __m256i half(__m256i a, __m256i b) {
	const __m256i odd = _mm256_and_si256(_mm256_xor_si256(a, b), _mm256_set1_epi8(1));
	return _mm256_sub_epi8(_mm256_avg_epu8(a, b), odd);
}

// most returns (3a + b + 2) / 4, which a half rounded down gives exactly.
INLINE __m256i most(__m256i a, __m256i b) { return _mm256_avg_epu8(a, half(a, b)); }

// across makes 24 samples of 32.
INLINE void across(uint8_t *out, __m256i v) {
	const __m256i outer = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, -1, -1, -1, -1));
	const __m256i inner = _mm256_broadcastsi128_si256(_mm_setr_epi8(1, 2, 2, 5, 6, 6, 9, 10, 10, 13, 14, 14, -1, -1, -1, -1));
	const __m256i middle = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, 0, 0, 0));
	const __m256i a = _mm256_shuffle_epi8(v, outer), b = _mm256_shuffle_epi8(v, inner);
	v = _mm256_avg_epu8(a, _mm256_blendv_epi8(half(a, b), b, middle));
	v = _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 6, 6));
	_mm_storeu_si128((__m128i *)out, _mm256_castsi256_si128(v));
	_mm_storel_epi64((__m128i *)(out + 16), _mm256_extracti128_si256(v, 1));
}

// three makes three rows of four, and fetches those that come next meanwhile: a tile
// that is not in the cache takes longer to come than to be scaled.
INLINE void three(uint8_t *dst, ptrdiff_t ds, const uint8_t *src, ptrdiff_t ss, int sw) {
	for (int x = 0, to = 0;;) {
		for (int i = 3; i < 6; i++)
			__builtin_prefetch(dst + i * ds + to, 1);
		for (int i = 4; i < 8; i++)
			__builtin_prefetch(src + i * ss + x);
		const __m256i a = _mm256_loadu_si256((const __m256i *)(src + x));
		const __m256i b = _mm256_loadu_si256((const __m256i *)(src + ss + x));
		const __m256i c = _mm256_loadu_si256((const __m256i *)(src + 2 * ss + x));
		const __m256i d = _mm256_loadu_si256((const __m256i *)(src + 3 * ss + x));
		across(dst + to, most(a, b));
		across(dst + ds + to, _mm256_avg_epu8(b, c));
		across(dst + 2 * ds + to, most(d, c));
		if (x + BLOCK >= sw)
			return;
		x = x + 2 * BLOCK <= sw ? x + BLOCK : sw - BLOCK;
		to = x / 4 * 3;
	}
}

AVX2 void cr_three_quarters(uint8_t *dst, ptrdiff_t ds, const uint8_t *src, ptrdiff_t ss, int sw, int sh) {
	for (int y = 0; y + 4 <= sh; y += 4, dst += 3 * ds, src += 4 * ss)
		three(dst, ds, src, ss, sw);
}
