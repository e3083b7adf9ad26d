package servertest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// goTool builds the tool of a module below scripts/, unless that was done before
// from the same versions, and returns the program.
func goTool(tb testing.TB, module, program string) string {
	tb.Helper()
	gomod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		tb.Fatal(err)
	}
	dir := filepath.Join(filepath.Dir(string(bytes.TrimSpace(gomod))), "scripts", module)
	h := sha256.New()
	for _, name := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			tb.Fatal(err)
		}
		_, _ = h.Write(b)
	}
	return filepath.Join(install(tb, fmt.Sprintf("%s-%.6x", program, h.Sum(nil)), func(to string) *exec.Cmd {
		return exec.Command("go", "-C", dir, "build", "-buildvcs=false", "-o", to+string(filepath.Separator), "tool")
	}), program)
}

// npmTool installs an npm package and returns the program.
func npmTool(tb testing.TB, pkg, version, program string) string {
	tb.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		tb.Skipf("no Node.js, which %s needs", pkg)
	}
	return filepath.Join(install(tb, pkg+"-"+version, func(to string) *exec.Cmd {
		return exec.Command("npm", "install", "--prefix", to, "--no-audit", "--no-fund", "--ignore-scripts", pkg+"@"+version)
	}), "node_modules", ".bin", program)
}

// install lets a command fill a directory in the user's cache, unless it is there.
// It appears as a whole, so that several tests may install the same.
func install(tb testing.TB, name string, command func(to string) *exec.Cmd) string {
	tb.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		tb.Skipf("no place for %s: %v", name, err)
	}
	cache = filepath.Join(cache, "callreel")
	dir := filepath.Join(cache, name)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		tb.Skipf("no place for %s: %v", name, err)
	}
	temp, err := os.MkdirTemp(cache, "~"+name)
	if err != nil {
		tb.Skipf("no place for %s: %v", name, err)
	}
	defer func() { _ = os.RemoveAll(temp) }() // it has another name by then
	tb.Logf("installing %s", name)
	if out, err := command(temp).CombinedOutput(); err != nil {
		tb.Skipf("%s can't be installed: %v\n%s", name, err, out)
	}
	if err := os.Rename(temp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(dir); there != nil {
			tb.Fatal(err)
		}
	}
	return dir
}
