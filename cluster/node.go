package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callreel/callreel/internal/filelock"
)

const (
	// readyTimeout is how long the server may take to start. It checks its files.
	readyTimeout = 30 * time.Second
	// maxValue bounds a record and a published message, in bytes.
	maxValue = 4 << 20

	nodeIDFile = "node-id"
	domainName = "callreel"
)

// Config says where a node keeps its state. Dir is needed.
type Config struct {
	// Dir is a local directory, which is made if it is not there. Only one node
	// may use it.
	Dir string
	// Logger receives what the embedded server has to say. Nil means none.
	Logger *slog.Logger
}

// Node is a member of a cluster, of one so far. Its methods are safe for
// concurrent use, but for Close.
type Node struct {
	id     string
	log    *slog.Logger
	server *server.Server
	conn   *nats.Conn
	js     jetstream.JetStream
	lock   *filelock.Lock
	memory *memory // instead of all this
}

// Open starts a node on the state in cfg.Dir. Close it.
func Open(cfg Config) (*Node, error) {
	if cfg.Dir == "" {
		return nil, errors.New("cluster: Dir is not set")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	n := &Node{log: cfg.Logger}
	if err := n.open(cfg.Dir); err != nil {
		return nil, errors.Join(fmt.Errorf("cluster: open %s: %w", cfg.Dir, err), n.Close())
	}
	return n, nil
}

func (n *Node) open(dir string) (err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	if n.lock, err = lockDir(dir); err != nil {
		return err
	}
	if err := checkVersion(filepath.Join(dir, versionFile)); err != nil {
		return err
	}
	if n.id, err = nodeID(filepath.Join(dir, nodeIDFile)); err != nil {
		return err
	}
	if n.server, err = server.NewServer(options(dir, n.id)); err != nil {
		return err
	}
	n.server.SetLoggerV2(logger{n.log}, false, false, false)
	n.server.Start()
	if !n.server.ReadyForConnections(readyTimeout) {
		return fmt.Errorf("the embedded NATS server is not ready after %v", readyTimeout)
	}
	return n.connect()
}

// options are those of a server that nobody outside of the process can reach.
func options(dir, id string) *server.Options {
	return &server.Options{
		ServerName: id,
		DontListen: true,
		NoSigs:     true,
		// JetStream. Whoever got an answer may rely on it, also after a power cut.
		JetStream:              true,
		JetStreamDomain:        domainName,
		DisableJetStreamBanner: true,
		StoreDir:               dir,
		SyncAlways:             true,
		JetStreamMaxMemory:     64 << 20,
		JetStreamMaxStore:      64 << 30,
		MaxPayload:             maxValue + 64<<10, // and headers
	}
}

func (n *Node) connect() (err error) {
	n.conn, err = nats.Connect("", nats.InProcessServer(n.server), nats.Name("callreel"),
		nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		return err
	}
	n.js, err = jetstream.NewWithDomain(n.conn, domainName)
	return err
}

// nodeID returns the node's name, made the first time.
func nodeID(file string) (string, error) {
	b, err := os.ReadFile(file)
	if id := strings.TrimSpace(string(b)); err == nil && id != "" {
		return id, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	id := uuid.NewString()
	return id, replaceFile(file, []byte(id+"\n"))
}

// replaceFile writes a file that is there with all of its content, or as it was.
func replaceFile(file string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// ID names the node. It is the same after a restart.
func (n *Node) ID() string { return n.id }

// Table opens a table, which is made if it is not there. Names are letters,
// digits, hyphens and underscores.
func (n *Node) Table(ctx context.Context, name string) (*Table, error) {
	if n.memory != nil {
		return &Table{name, n.memory.table(name)}, nil
	}
	in, err := n.bucket(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("cluster: open table %s: %w", name, err)
	}
	return &Table{name, in}, nil
}

// Log opens a log whose messages are kept for keep, and which is made if it is
// not there. Names are letters, digits, hyphens and underscores.
func (n *Node) Log(ctx context.Context, name string, keep time.Duration) (*Log, error) {
	if n.memory != nil {
		return &Log{name, n.memory.log(name, keep)}, nil
	}
	in, err := n.stream(ctx, name, keep)
	if err != nil {
		return nil, fmt.Errorf("cluster: open log %s: %w", name, err)
	}
	return &Log{name, in}, nil
}

// Ready reports whether the node can read and write.
func (n *Node) Ready(ctx context.Context) error {
	if n.memory != nil {
		return nil
	}
	if _, err := n.js.AccountInfo(ctx); err != nil {
		return fmt.Errorf("cluster: not ready: %w", err)
	}
	return nil
}

// Close ends the node. What was answered is kept. Closing twice is harmless.
func (n *Node) Close() error {
	if n.conn != nil {
		n.conn.Close()
	}
	if n.server != nil {
		n.server.Shutdown()
		n.server.WaitForShutdown()
	}
	if n.lock == nil {
		return nil
	}
	lock := n.lock
	n.lock = nil
	return lock.Close()
}
