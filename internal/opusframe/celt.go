package opusframe

import "math"

const (
	bands       = 17 // of CELT below 8 kHz
	narrowBands = 13 // below 4 kHz, which is all that narrowband has
)

// energies are those of the bands of both channels, as the logarithm to base 2 of their
// amplitude, relative to meanEnergy.
type energies [2][bands]float32

// meanEnergy is what those of sound mostly are.
var meanEnergy = [bands]float32{
	6.4375, 6.25, 5.75, 5.3125, 5.0625, 4.8125, 4.5, 4.375, 4.875, 4.6875, 4.5625, 4.4375, 4.875, 4.625, 4.3125, 4.5, 4.375,
}

const (
	// leastEnergy is that of digital silence, and predictedFrom the least that is
	// predicted from.
	leastEnergy   = -28
	predictedFrom = -9
	// energyBits is how many bits there are to be for the energy of a band, that it is
	// coded as usual.
	energyBits = 15
	// headBytes is how many bytes have room for all that comes before the energies.
	headBytes = 8
)

// energyModel says how energies of a frame are coded: section 4.3.2.1.
type energyModel struct {
	former, lower float32          // how much of the frame before, and of the band below, is in the prediction
	chances       [bands][2]uint32 // of 0, in 256ths, and the decay
}

// energyModels are of 10 and 20 ms, each predicted from the frame before or not.
var energyModels = [2][2]energyModel{
	{
		{21248. / 32768, 1 - 12124./32768, [bands][2]uint32{
			{61, 90},
			{93, 60},
			{105, 42},
			{107, 41},
			{110, 45},
			{116, 38},
			{113, 38},
			{112, 38},
			{124, 26},
			{132, 27},
			{136, 19},
			{140, 20},
			{155, 14},
			{159, 16},
			{158, 18},
			{170, 13},
			{177, 10},
		}},
		{0, 1 - 4915./32768, [bands][2]uint32{
			{21, 178},
			{59, 110},
			{71, 86},
			{75, 85},
			{84, 83},
			{91, 66},
			{88, 73},
			{87, 72},
			{92, 75},
			{98, 72},
			{105, 58},
			{107, 54},
			{115, 52},
			{114, 55},
			{112, 56},
			{129, 51},
			{132, 40},
		}},
	},
	{
		{16384. / 32768, 1 - 6554./32768, [bands][2]uint32{
			{42, 121},
			{96, 66},
			{108, 43},
			{111, 40},
			{117, 44},
			{123, 32},
			{120, 36},
			{119, 33},
			{127, 33},
			{134, 34},
			{139, 21},
			{147, 23},
			{152, 20},
			{158, 25},
			{154, 26},
			{166, 21},
			{173, 16},
		}},
		{0, 1 - 4915./32768, [bands][2]uint32{
			{22, 178},
			{63, 114},
			{74, 82},
			{84, 83},
			{92, 82},
			{103, 62},
			{96, 72},
			{96, 67},
			{101, 73},
			{107, 72},
			{113, 55},
			{118, 52},
			{125, 52},
			{118, 52},
			{117, 55},
			{135, 49},
			{137, 39},
		}},
	},
}

// energies reads those of so many bands of a frame of CELT, as far as they come first, in
// steps of 6 dB: e has those of the frame before. It reports false, and leaves e
// half read, where there is a pitch, as of somebody who speaks, or there are few bits.
func (d *rangeDecoder) energies(e *energies, channels, count, long int) bool {
	if d.flag(15) { // digital silence
		for c := range e {
			for b := range e[c] {
				e[c][b] = leastEnergy
			}
		}
		return true
	}
	if len(d.data) < headBytes || d.flag(1) {
		return false
	}
	d.flag(3) // whether it is a transient
	model := &energyModels[long][0]
	if d.flag(3) {
		model = &energyModels[long][1]
	}
	if channels == 1 {
		for b := range e[0] {
			e[0][b] = max(e[0][b], e[1][b])
		}
	}
	var below [2]float32
	for b := range count {
		for c := range channels {
			if d.tell()+energyBits > 8*len(d.data) {
				return false
			}
			more := float32(d.laplace(model.chances[b][0]<<7, model.chances[b][1]<<6))
			e[c][b] = model.former*max(predictedFrom, e[c][b]) + below[c] + more
			below[c] += model.lower * more
		}
	}
	if channels == 1 {
		e[1] = e[0]
	}
	return true
}

// level returns how loud the louder of the channels is, in dB.
func (e *energies) level(channels, count int) float32 {
	loudest := 0.0
	for c := range channels {
		sum := 0.0
		for b, x := range e[c][:count] {
			sum += math.Exp2(2 * float64(x+meanEnergy[b]))
		}
		loudest = max(loudest, sum)
	}
	return float32(10 * math.Log10(loudest))
}
