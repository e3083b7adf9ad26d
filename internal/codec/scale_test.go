package codec_test

import (
	"testing"

	"github.com/callreel/callreel/compositor"
	"github.com/callreel/callreel/compositor/scalertest"
	"github.com/callreel/callreel/internal/codec"
)

func TestScalerConforms(t *testing.T) {
	scalertest.Run(t, func() compositor.Scaler {
		s := new(codec.Scaler)
		t.Cleanup(s.Close)
		return s
	})
}
