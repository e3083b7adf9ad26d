// Scaling of planes to three quarters, for threequarters_amd64.go.
#include <stddef.h>
#include <stdint.h>

// cr_three_quarters averages areas of a plane of sw x sh samples, both multiples of 4
// and sw at least 32, so that three of an axis of the result are made of four.
void cr_three_quarters(uint8_t *dst, ptrdiff_t ds, const uint8_t *src, ptrdiff_t ss, int sw, int sh);
