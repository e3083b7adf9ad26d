//go:build !amd64

package codec

import "image"

// polyphase has no vector code for this processor.
type polyphase struct{}

func newPolyphase(sizes) *polyphase { return nil }

func (*polyphase) scale(_, _ *image.YCbCr) {}
