package simulate

import (
	"encoding/binary"
	"image"
	"time"

	"github.com/callreel/callreel/internal/timebase"
)

// Strip is what the strip of cells at the top of a picture says.
type Strip struct {
	// Time is when the picture was drawn, since the epoch, in whole milliseconds.
	Time time.Duration
	// Index is the participant's.
	Index int
}

// The strip has two rows of black and white cells: 32 bits of milliseconds, then
// 16 bits of index and 16 of checksum, most significant first.
const (
	stripColumns = 32
	stripRows    = 2
	stripCells   = stripColumns * stripRows
)

func stripOf(at timebase.Ticks, index int) Strip {
	return Strip{Time: time.Duration(at/timebase.Millisecond) * time.Millisecond, Index: index}
}

// bits returns the cells, the first one in the highest bit.
func (s Strip) bits() uint64 {
	v := uint64(uint32(s.Time/time.Millisecond))<<16 | uint64(uint16(s.Index))
	return v<<16 | uint64(checksum(v))
}

// checksum is CRC-16/IBM-3740 over 48 bits.
func checksum(v uint64) uint16 {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], v)
	crc := uint16(0xffff)
	for _, x := range b[2:] {
		crc ^= uint16(x) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// ReadStrip reads the strip of a participant from the part of img that shows its
// picture, whole or cut to 16:9: for a recording, the tile. It reports false if
// there is none, or none that is certain. Cells should be 8 or more pixels wide:
// a tile of 288 pixels.
func ReadStrip(img *image.YCbCr, tile image.Rectangle) (Strip, bool) {
	if !tile.In(img.Rect) || stageOf(tile).Dx() < 4*stripColumns {
		return Strip{}, false
	}
	var luma [stripCells]int
	low, high := 255, 0
	for i := range luma {
		luma[i] = meanLuma(img, middle(place(stageOf(tile), stripCell(i))))
		low, high = min(low, luma[i]), max(high, luma[i])
	}
	const leastContrast = 40
	if high-low < leastContrast {
		return Strip{}, false
	}
	var v uint64
	for _, y := range luma {
		v <<= 1
		if y > (low+high)/2 {
			v |= 1
		}
	}
	s := Strip{Time: time.Duration(v>>32) * time.Millisecond, Index: int(uint16(v >> 16))}
	return s, s.bits() == v
}

// ReadFlash reports whether the flash of a participant is lit, in the part of img
// that [ReadStrip] takes too.
func ReadFlash(img *image.YCbCr, tile image.Rectangle) bool {
	const lit = 64 // between black and a dimmed white
	return tile.In(img.Rect) && meanLuma(img, middle(place(stageOf(tile), flashPlace()))) > lit
}

// middle returns the middle quarter of r, away from what scaling smears.
func middle(r image.Rectangle) image.Rectangle {
	return image.Rect(
		(3*r.Min.X+r.Max.X)/4, (3*r.Min.Y+r.Max.Y)/4,
		(r.Min.X+3*r.Max.X+3)/4, (r.Min.Y+3*r.Max.Y+3)/4,
	)
}

// meanLuma returns the mean over r, which lies in img, or 0 if r is empty.
func meanLuma(img *image.YCbCr, r image.Rectangle) int {
	if r.Empty() {
		return 0
	}
	sum := 0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for _, v := range img.Y[img.YOffset(r.Min.X, y):][:r.Dx()] {
			sum += int(v)
		}
	}
	return sum / (r.Dx() * r.Dy())
}
