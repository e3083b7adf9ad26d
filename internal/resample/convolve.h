#include <stdint.h>

// cr_stream is where a conversion is: see Resampler.
typedef struct {
	int64_t step, phase, den; // between input samples, in 1/den
	int64_t at;               // of the first tap
} cr_stream;

// cr_convolve makes output samples while there is input for all taps, of which
// there is a multiple of 4, and room for them, and returns how many. table has
// phases+1 rows of taps.
int cr_convolve(cr_stream *s, const float *table, int phases, int taps, const float *in, int have, float *out, int room);
