package main

import (
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/callreel/callreel/internal/codec"
)

// versionCmd tells versions.
type versionCmd struct{}

// Run prints the versions.
func (versionCmd) Run(con console) error {
	_, err := fmt.Fprintf(con.out, "callreel %s\n%s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	libraries := codec.Versions()
	for _, name := range slices.Sorted(maps.Keys(libraries)) {
		if err == nil {
			_, err = fmt.Fprintf(con.out, "%s %s\n", name, libraries[name])
		}
	}
	return err
}

// version is the module's, with the commit that was built, if known.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v += " (" + s.Value[:min(12, len(s.Value))] + ")"
		}
	}
	return v
}
