package worker

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// maxFiles is how many files a worker may have open.
const maxFiles = 4096

// confine takes from this process what a worker does not need, for good. It tells
// what could not be taken: that is a reason to log, not to fail.
func (s sandbox) confine() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, part := range []struct {
			name string
			do   func() error
		}{
			{"core dumps", func() error { return setLimit(unix.RLIMIT_CORE, 0) }},
			{"open files", func() error { return setLimit(unix.RLIMIT_NOFILE, maxFiles) }},
			{"files (landlock)", s.restrict},
			{"TCP (landlock)", func() error { return landlockSince(4) }},
			{"system calls (seccomp)", restrictCalls},
		} {
			if err := part.do(); err != nil && !yield(part.name, err) {
				return
			}
		}
	}
}

func setLimit(what int, to uint64) error {
	var now unix.Rlimit
	if err := unix.Getrlimit(what, &now); err != nil {
		return err
	}
	to = min(to, now.Max)
	return unix.Setrlimit(what, &unix.Rlimit{Cur: to, Max: to})
}

// landlockSince is the version of landlock that can do something.
func landlockSince(version int) error {
	got, err := ll.LandlockGetABIVersion()
	if err != nil {
		return fmt.Errorf("the kernel has no landlock: %w", err)
	}
	if got < version {
		return fmt.Errorf("the kernel has version %d of landlock, and %d is needed", got, version)
	}
	return nil
}

// restrict leaves the spool and a store that is a directory to write in, and what
// libraries read. Nothing can be executed. Nobody can listen on TCP, or connect,
// unless the store is somewhere else. It is one set of rules: each further one
// would forbid hard links and renames.
func (s sandbox) restrict() error {
	if err := landlockSince(1); err != nil {
		return err
	}
	look := landlock.AccessFSSet(ll.AccessFSReadFile | ll.AccessFSReadDir)
	read := landlock.AccessFSSet(ll.AccessFSReadFile)
	rules := []landlock.Rule{
		landlock.PathAccess(look, systemDirs()...).IgnoreIfMissing(),
		landlock.PathAccess(read, append(systemFiles(), s.Read...)...).IgnoreIfMissing(),
		landlock.RWFiles("/dev/null").IgnoreIfMissing(),
		landlock.RWDirs("/dev/dri").WithIoctlDev().IgnoreIfMissing(), // encoders in hardware
	}
	for _, name := range s.ReadUnder {
		rules = append(rules, landlock.PathAccess(look, name).IgnoreIfMissing())
	}
	for _, name := range s.Write {
		rules = append(rules, landlock.RWDirs(name).WithRefer()) // for hard links from one to the other
	}
	cfg := landlock.V8
	if s.Connect {
		cfg.HandledAccessNet = ll.AccessNetBindTCP
	}
	return cfg.BestEffort().Restrict(rules...)
}

func systemDirs() []string {
	return []string{
		"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/local/share/ca-certificates", "/usr/share",
		"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib",
		"/proc/self", "/sys/devices/system", "/sys/fs/cgroup", "/run/systemd/resolve",
	}
}

func systemFiles() []string {
	return []string{
		"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services",
		"/etc/localtime", "/etc/ld.so.cache", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/dev/urandom", "/dev/random",
	}
}

// restrictCalls takes away system calls that a recorder never needs: those that
// run programs, listen, look into other processes, or change the system.
func restrictCalls() error {
	known, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	names := slices.DeleteFunc(strings.Fields(deniedCalls), func(name string) bool {
		_, ok := known.SyscallNames[name]
		return !ok // on this architecture
	})
	runtime.LockOSThread() // no_new_privs is the thread's, until the filter is of all
	defer runtime.UnlockOSThread()
	return seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionAllow,
			Syscalls:      []seccomp.SyscallGroup{{Action: seccomp.ActionErrno, Names: names}},
		},
	})
}

// deniedCalls are refused with EPERM. io_uring is among them because a filter does
// not see what is done by way of it.
const deniedCalls = `
	execve execveat fork vfork
	listen accept accept4
	ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp
	mount umount2 pivot_root chroot unshare setns move_mount open_tree fsopen fsmount fsconfig fspick mount_setattr
	bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register
	init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct quotactl
	add_key request_key keyctl
	open_by_handle_at name_to_handle_at fanotify_init
	settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname
	setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capset
	iopl ioperm modify_ldt personality syslog vhangup lookup_dcookie nfsservctl mknod mknodat
`

// credentialFiles are what the environment names that leads to a store.
func credentialFiles() (files, dirs []string) {
	for _, name := range []string{
		"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_CA_BUNDLE", "GOOGLE_APPLICATION_CREDENTIALS",
		"AZURE_CLIENT_CERTIFICATE_PATH", "SSL_CERT_FILE",
	} {
		if file := os.Getenv(name); file != "" {
			files = append(files, file)
		}
	}
	for _, name := range []string{"AWS_WEB_IDENTITY_TOKEN_FILE", "AZURE_FEDERATED_TOKEN_FILE"} {
		if file := os.Getenv(name); file != "" { // it is replaced now and then
			dirs = append(dirs, filepath.Dir(file))
		}
	}
	if dir := os.Getenv("SSL_CERT_DIR"); dir != "" {
		dirs = append(dirs, filepath.SplitList(dir)...)
	}
	if home := os.Getenv("HOME"); home != "" {
		for _, sub := range []string{".aws", ".azure", ".config/gcloud"} {
			dirs = append(dirs, filepath.Join(home, sub))
		}
	}
	return files, dirs
}

// makeDirs makes the directories to write in, which must be there to be left.
func (s sandbox) makeDirs() error {
	var errs []error
	for _, name := range s.Write {
		errs = append(errs, os.MkdirAll(name, 0o750))
	}
	return errors.Join(errs...)
}
