package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/internal/worker"
)

// workerFlags say how calls are kept apart.
type workerFlags struct {
	Workers       bool     `help:"Keep each call, its connections and its recording, in a process of its own." default:"true" negatable:""`
	WorkerMemory  byteSize `help:"Memory that the process of a call may hold; more ends it, and the recording goes on in another one. 0: no limit." default:"1GiB"`
	WorkerUser    string   `help:"User that the processes of calls run as, if the server is root's." placeholder:"NAME"`
	WorkerSandbox bool     `help:"Take from the processes of calls what they don't need, as far as the kernel can (landlock, seccomp)." default:"true" negatable:""`
}

// workerConfig is how a server's workers are.
type workerConfig struct {
	memory    int64
	noSandbox bool
	user      *syscall.Credential // nil: that of the server
}

// config returns nil if there are to be none.
func (f workerFlags) config() (*workerConfig, error) {
	if !f.Workers {
		return nil, nil
	}
	c := &workerConfig{memory: int64(f.WorkerMemory), noSandbox: !f.WorkerSandbox}
	if f.WorkerUser == "" {
		return c, nil
	}
	if os.Geteuid() != 0 {
		return nil, fault.Caller.Wrap(errors.New("--worker-user: only root can run workers as somebody else"))
	}
	who, err := user.Lookup(f.WorkerUser)
	if err != nil {
		return nil, fault.Caller.Wrap(fmt.Errorf("--worker-user: %w", err))
	}
	uid, err1 := strconv.ParseUint(who.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(who.Gid, 10, 32)
	c.user = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return c, errors.Join(err1, err2)
}

// host makes the pool of workers, if there is to be one.
func (cfg serverConfig) host(s *server, resource string) (control.Host, error) {
	if cfg.Workers == nil {
		return nil, nil
	}
	spool, err := filepath.Abs(filepath.Join(cfg.Data, spoolDir))
	if err != nil {
		return nil, err
	}
	stored, err := absolute(cfg.location())
	if err != nil {
		return nil, err
	}
	if err := cfg.Workers.own(spool, stored); err != nil {
		return nil, fault.Caller.Wrap(fmt.Errorf("--worker-user: %w", err))
	}
	s.pool, err = worker.New(worker.Config{
		Engine: s.Engine, Build: version(), Credential: cfg.Workers.user,
		Env:     workerEnv(os.Environ(), strings.Contains(stored, "://")),
		OnEvent: func(e callreel.Event) { cfg.observe(s, e) },
		Settings: worker.Settings{
			Spool: spool, Storage: stored, ResourceID: resource, SpoolReserve: cfg.SpoolReserve, Fonts: cfg.Fonts, Limits: cfg.Limits,
			Media: worker.MediaOf(cfg.WHIP), Memory: cfg.Workers.memory, NoSandbox: cfg.Workers.noSandbox,
		},
		UDP: cfg.WHIP.UDP, TCP: cfg.WHIP.TCP,
		Logger: cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	return s.pool, nil
}

// absolute returns a location that does not depend on the directory of the process.
func absolute(location string) (string, error) {
	if strings.Contains(location, "://") {
		return location, nil
	}
	return filepath.Abs(location)
}

// running returns how many recordings have not ended.
func (s *server) running() int {
	if s.pool != nil {
		return len(s.pool.Recordings())
	}
	return len(s.Engine.Recordings())
}

// workerEnv leaves of an environment what a worker needs: nothing of callreel's
// own, as there are secrets in it, and what leads to a store only if that is one
// of the clouds.
func workerEnv(all []string, cloud bool) []string {
	env := []string{} // nil would be all
	names := []string{"TZ", "TZDIR", "LANG", "LC_ALL", "GODEBUG", "GOTRACEBACK", "LIBVA_DRIVER_NAME", "LIBVA_DRIVERS_PATH"}
	var prefixes []string
	if cloud {
		names = append(names, "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR",
			"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
		prefixes = []string{"AWS_", "AZURE_", "GOOGLE_", "STORAGE_EMULATOR_", "MSI_", "IDENTITY_"}
	}
	for _, v := range all {
		name, _, _ := strings.Cut(v, "=")
		if slices.Contains(names, name) || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			env = append(env, v)
		}
	}
	return env
}

// workerCmd is the process of a call.
type workerCmd struct{}

// Run holds the call until the server ends that, or is gone. Signals that are
// meant for the server and all its processes are for the server to act on; that
// nobody reads the log any more must not end a process that has something to save.
func (workerCmd) Run(_ context.Context, con console) error {
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	return worker.Main(os.Stdin, con.err, version())
}
