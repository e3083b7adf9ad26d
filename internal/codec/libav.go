package codec

/*
#cgo pkg-config: libavcodec libavutil libswscale
#include <stdlib.h>
#include <libavcodec/avcodec.h>
#include <libavutil/error.h>
#include <libavutil/log.h>
#include <libswscale/swscale.h>

static int cr_eagain(void) { return AVERROR(EAGAIN); }
static int cr_eof(void) { return AVERROR_EOF; }
static void cr_quiet(void) { av_log_set_level(AV_LOG_QUIET); }
*/
import "C"

import (
	"fmt"
	"sync"
	"unsafe"
)

// quiet stops the libraries from writing to stderr: what they have to say
// comes back as an error from the call that caused it.
var quiet = sync.OnceFunc(func() { C.cr_quiet() })

// avError is a negative AVERROR code with the library's text for it.
func avError(op string, code C.int) error {
	buf := make([]byte, 128)
	C.av_strerror(code, (*C.char)(unsafe.Pointer(&buf[0])), C.size_t(len(buf)))
	n := 0
	for n < len(buf) && buf[n] != 0 {
		n++
	}
	return fmt.Errorf("codec: %s: %s", op, buf[:n])
}

func again(code C.int) bool { return code == C.cr_eagain() || code == C.cr_eof() }

// Versions returns the versions of the libraries in use, by name.
func Versions() map[string]string {
	v := func(n C.uint) string { return fmt.Sprintf("%d.%d.%d", n>>16, n>>8&255, n&255) }
	return map[string]string{
		"libavcodec": v(C.avcodec_version()),
		"libswscale": v(C.swscale_version()),
		"libopus":    opusVersion(),
	}
}
