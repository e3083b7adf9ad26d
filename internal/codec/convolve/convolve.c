#include "convolve.h"

#include <string.h>

// Fused operations would round otherwise than they do on another machine.
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

// four has four samples, in the registers that every amd64 and arm64 has.
typedef float four __attribute__((vector_size(16)));

static inline four load(const float *p)
{
	four v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline float sum(four v) { return (v[0] + v[1]) + (v[2] + v[3]); }

// value interpolates between what two rows of the table give.
static float value(const float *x, const float *row, int taps, float between)
{
	four a = {0}, b = {0};
	for (int i = 0; i < taps; i += 4) {
		four s = load(x + i);
		a += s * load(row + i);
		b += s * load(row + taps + i);
	}
	float lower = sum(a);
	return lower + (sum(b) - lower) * between;
}

int cr_convolve(cr_position p, const float *table, int rows, int taps, const float *in, int have, float *out, int room)
{
	int n = 0;
	for (; n < room && p.at + taps <= have; n++) {
		int64_t fine = p.phase * rows;
		float between = (float)((double)(fine % p.den) / (double)p.den);
		out[n] = value(in + p.at, table + fine / p.den * taps, taps, between);
		p.phase += p.step;
		p.at += p.phase / p.den;
		p.phase %= p.den;
	}
	return n;
}
