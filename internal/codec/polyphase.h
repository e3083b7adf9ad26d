// Separable scaling of planes with precomputed windows, for polyphase_amd64.go.
#include <stddef.h>
#include <stdint.h>

// cr_polyphase scales a plane of sw x (any) samples to w x h. Row y of the result is
// made of 2*vpairs source rows, at most 8, from rows[y] on, weighted by as many int8 in
// vweights; then 16 samples at a time, the groups, each of two halves of 8: sample j
// of a half is made of 2*hpairs samples of that row, of which the first is
// offset+shuffle[2*j]. Weights sum up to 64. If near, 2*hpairs is 4, both halves have
// the same offset, and 16 samples from it on are enough. line holds sw+32 bytes.
void cr_polyphase(uint8_t *dst, ptrdiff_t ds, int w, int h, const uint8_t *src, ptrdiff_t ss, int sw,
	const int32_t *rows, const int8_t *vweights, int vpairs,
	const int32_t *offsets, const uint8_t *shuffles, const int8_t *hweights, int hpairs, int near, uint8_t *line);
