package codec

/*
#include <libavutil/cpu.h>
*/
import "C"

import (
	"maps"
	"strings"
)

// x264Options adds to options for libx264 that it is to use AVX2 where there is
// AVX-512, unless they say otherwise. With AVX-512 its macroblock tree takes
// memory into account that nothing was written to (build 164), so that the same
// pictures give other bytes each time; and it is no faster at our sizes.
func x264Options(options map[string]string) map[string]string {
	const key = "x264-params"
	params := options[key]
	if C.av_get_cpu_flags()&C.AV_CPU_FLAG_AVX512 == 0 || strings.Contains(":"+params, ":asm=") {
		return options
	}
	options = maps.Clone(options)
	if options == nil {
		options = make(map[string]string)
	}
	options[key] = strings.TrimPrefix(params+":asm=AVX2", ":")
	return options
}
