package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/callreel/callreel/internal/fault"
)

const (
	versionFile = "version"
	// version is that of what is in a node's directory, as a whole; records have
	// versions of their own. A directory without the file is of version 1.
	version = 1
)

// ErrNewer says that a later version has written the state.
var ErrNewer = fault.Caller.Wrap(errors.New("it is of a later version of callreel"))

// checkVersion refuses a directory of a later version, and notes this one in a
// new directory.
func checkVersion(name string) error {
	b, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := strings.TrimSpace(string(b))
	if text == "" { // also after a power loss
		return os.WriteFile(name, fmt.Appendln(nil, version), 0o600)
	}
	v, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%s is not a version: %w", name, err)
	}
	if v > version {
		return fmt.Errorf("%s is %d, known is %d: %w", name, v, version, ErrNewer)
	}
	return nil
}
