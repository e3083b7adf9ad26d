//go:build race

package callreel_test

const raceEnabled = true
