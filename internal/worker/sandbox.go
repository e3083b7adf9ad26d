package worker

import (
	"net/url"
	"strings"
)

// sandbox says what a worker needs besides what every program does.
type sandbox struct {
	Read, ReadUnder []string // files; directories with all below
	Write           []string // directories
	Connect         bool     // it has to connect to a store
}

// sandboxFor is that of a worker with these settings.
func sandboxFor(s Settings) sandbox {
	b := sandbox{Read: s.Fonts, Write: []string{s.Spool}}
	if !strings.Contains(s.Storage, "://") {
		b.Write = append(b.Write, s.Storage)
		return b
	}
	if u, err := url.Parse(s.Storage); err == nil && u.Scheme == "file" {
		b.Write = append(b.Write, u.Path)
		return b
	}
	files, dirs := credentialFiles()
	b.Read, b.ReadUnder, b.Connect = append(files, b.Read...), dirs, true
	return b
}
