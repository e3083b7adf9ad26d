package simulate

import (
	"fmt"
	"image/color"
)

// ToneOf returns the frequency in Hz of the beep of the participant with an
// index. Fifty participants in a row have different ones, 60 Hz apart.
func ToneOf(index int) int { return 440 + 60*(index%50) }

// nameOf returns a first name, or a numbered one when they run out.
func nameOf(index int) string {
	names := [...]string{
		"Ann", "Bob", "Chloé", "Dmitri", "Eve", "Fatima", "Göran", "Hana", "Ivan", "João",
		"Kofi", "Lena", "Mei", "Nils", "Olga", "Paulo", "Quinn", "Ravi", "Søren", "Tara",
		"Ulla", "Vera", "Wen", "Ximena", "Юлия", "Ζωή",
	}
	if index < len(names) {
		return names[index]
	}
	return fmt.Sprintf("Guest %d", index+1)
}

// colorOf returns colours whose hues are as far apart as possible for any number
// of neighbours: 137 degrees is the golden angle.
func colorOf(index int) color.Color {
	const high, low = 165, 60
	hue := index * 137 % 360
	ramp := uint8(low + (high-low)*(hue%60)/60)
	fall := uint8(high - (high-low)*(hue%60)/60)
	switch hue / 60 {
	case 0:
		return color.NRGBA{high, ramp, low, 255}
	case 1:
		return color.NRGBA{fall, high, low, 255}
	case 2:
		return color.NRGBA{low, high, ramp, 255}
	case 3:
		return color.NRGBA{low, fall, high, 255}
	case 4:
		return color.NRGBA{ramp, low, high, 255}
	}
	return color.NRGBA{high, low, fall, 255}
}
