package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// leastNode is the oldest Node.js that the SDKs support.
const leastNode = 20

// sdkVersions are those of @azure/communication-call-automation that
// acs/package.json has.
var sdkVersions = []string{"1.5.1", "1.6.0"}

// sdk is a version of Azure's SDK, in a folder where programs find it under its
// usual name.
type sdk struct {
	t       *testing.T
	version string
	dir     string
}

// azure makes a folder with a version of the SDK and the programs that use it.
func azure(t *testing.T, version string) sdk {
	t.Helper()
	modules := nodeModules(t)
	a := sdk{t, version, t.TempDir()}
	scope := filepath.Join(a.dir, "node_modules", "@azure")
	must(t, os.MkdirAll(scope, 0o700))
	must(t, os.Symlink(filepath.Join(modules, "acs-"+version), filepath.Join(scope, "communication-call-automation")))
	must(t, os.Symlink(filepath.Join(modules, "@azure", "eventgrid"), filepath.Join(scope, "eventgrid")))
	must(t, os.CopyFS(a.dir, os.DirFS("acs")))
	return a
}

// run runs a program with settings such as NAME=value. It prints a result as JSON.
func (a sdk) run(program string, into any, settings ...string) {
	a.t.Helper()
	cmd := a.command(program, settings...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		a.t.Fatalf("node %s with version %s of the SDK: %v\n%s%s", program, a.version, err, out.Bytes(), errs.Bytes())
	}
	decode(a.t, out.String(), into)
}

func (a sdk) command(program string, settings ...string) *exec.Cmd {
	cmd := exec.CommandContext(a.t.Context(), "node", "--import", "./hosts.mjs", program)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), settings...)
	return cmd
}

// errOldNode is about systems whose own Node.js is too old, which is not their fault.
var errOldNode = errors.New("too old for Azure's SDKs")

// nodeModules returns the folder with the installed packages. A machine that
// can't have them skips the test; in CI they must be had.
func nodeModules(t *testing.T) string {
	t.Helper()
	dir, err := installed()
	if err != nil && !errors.Is(err, errOldNode) && os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
	return filepath.Join(dir, "node_modules")
}

// installed installs the packages of acs/package-lock.json, once for each state
// of that file, and returns where.
var installed = sync.OnceValues(func() (string, error) {
	if err := checkNode(); err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, name := range npmFiles {
		b, err := os.ReadFile(filepath.Join("acs", name))
		if err != nil {
			return "", err
		}
		_, _ = sum.Write(b) // never fails
	}
	dir := filepath.Join(cache, "callreel-e2e", hex.EncodeToString(sum.Sum(nil)[:8]))
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	return dir, install(dir)
})

// npmFiles are what npm installs by.
var npmFiles = []string{"package.json", "package-lock.json", ".npmrc"}

// install makes the folder, with all that belongs there or not at all.
func install(dir string) (err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "new-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(fresh)) }()
	for _, name := range npmFiles {
		b, err := os.ReadFile(filepath.Join("acs", name))
		if err := errors.Join(err, os.WriteFile(filepath.Join(fresh, name), b, 0o600)); err != nil {
			return err
		}
	}
	cmd := exec.Command("npm", "ci")
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci, for Azure's SDKs: %w\n%s", err, out)
	}
	err = os.Rename(fresh, dir)
	if errors.Is(err, fs.ErrExist) { // another process was quicker
		err = nil
	}
	return err
}

func checkNode() error {
	out, err := exec.Command("node", "--version").Output()
	if err != nil {
		return fmt.Errorf("no Node.js, which Azure's SDKs need: %w", err)
	}
	version := strings.TrimSpace(string(out))
	major, err := strconv.Atoi(strings.TrimPrefix(strings.SplitN(version, ".", 2)[0], "v"))
	if err != nil || major < leastNode {
		return fmt.Errorf("Node.js is %s, not %d or newer: %w", version, leastNode, errOldNode)
	}
	_, err = exec.LookPath("npm")
	return err
}

// Where packages come from is for each machine to say.
func TestLockNamesNoRegistry(t *testing.T) {
	t.Parallel()
	lock, err := os.ReadFile("acs/package-lock.json")
	must(t, err)
	for _, bad := range []string{`"resolved"`, "://"} {
		if bytes.Contains(lock, []byte(bad)) {
			t.Errorf("acs/package-lock.json has %s", bad)
		}
	}
}
