#include <stdint.h>

// cr_position is where the next output sample is: see Position.
typedef struct {
	int64_t step, phase, den, at;
} cr_position;

// cr_convolve makes output samples while there is input for all taps, of which
// there is a multiple of 4, and room for them, and returns how many. table has
// rows+1 rows of taps.
int cr_convolve(cr_position p, const float *table, int rows, int taps, const float *in, int have, float *out, int room);
