package scalertest_test

import (
	"testing"

	"github.com/callreel/callreel/compositor"
	"github.com/callreel/callreel/compositor/scalertest"
)

func TestAreaScaler(t *testing.T) {
	scalertest.Run(t, func() compositor.Scaler { return &compositor.AreaScaler{} })
}
