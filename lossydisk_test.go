package callreel_test

import (
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/callreel/callreel/muxer"
	"github.com/callreel/callreel/storage"
)

// A lossyDisk notes all that is done to a spool, and tells what a power loss can
// have left of it: everything that was synced, and of the rest any part. That is
// what POSIX promises, and more than file systems lose.
type lossyDisk struct {
	mu    sync.Mutex
	log   []diskOp
	names map[string]int // of the files and directories there are: their numbers
	next  int
}

// diskOp is something that was done.
type diskOp struct {
	kind     string // mkdir, create, write, truncate, sync, rename, remove, syncdir
	name, to string
	inode    int
	at       int64
	data     []byte
}

func newLossyDisk() *lossyDisk { return &lossyDisk{names: map[string]int{".": 0}, next: 1} }

func (d *lossyDisk) note(op diskOp) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch op.kind {
	case "mkdir":
		if _, there := d.names[op.name]; there {
			return
		}
		fallthrough
	case "create":
		op.inode = d.next
		d.names[op.name] = op.inode
		d.next++
	case "rename":
		op.inode = d.names[op.name]
		d.names[op.to] = op.inode
		delete(d.names, op.name)
	case "remove":
		delete(d.names, op.name)
	}
	d.log = append(d.log, op)
}

func (d *lossyDisk) number(name string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.names[name]
}

func (d *lossyDisk) ops() []diskOp {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.log)
}

func (d *lossyDisk) Mkdir(root *os.Root, name string) error {
	d.note(diskOp{kind: "mkdir", name: name})
	return root.MkdirAll(name, 0o700)
}

func (d *lossyDisk) OpenFile(root *os.Root, name string, flag int) (*os.File, error) {
	f, err := root.OpenFile(name, flag, 0o600)
	if err != nil || flag&os.O_CREATE == 0 {
		return f, err
	}
	if n := d.number(name); n == 0 {
		d.note(diskOp{kind: "create", name: name})
	} else if flag&os.O_TRUNC != 0 {
		d.note(diskOp{kind: "truncate", inode: n})
	}
	return f, nil
}

func (d *lossyDisk) Write(f *os.File, name string, content []byte) error {
	d.note(diskOp{kind: "write", inode: d.number(name), data: slices.Clone(content)})
	_, err := f.Write(content)
	return err
}

func (d *lossyDisk) Sync(_ *os.File, name string) error {
	d.note(diskOp{kind: "sync", inode: d.number(name)})
	return nil
}

func (d *lossyDisk) Rename(root *os.Root, from, to string) error {
	d.note(diskOp{kind: "rename", name: from, to: to})
	return root.Rename(from, to)
}

func (d *lossyDisk) Remove(root *os.Root, name string) error {
	err := root.Remove(name)
	if err == nil {
		d.note(diskOp{kind: "remove", name: name})
	}
	return err
}

func (d *lossyDisk) SyncDir(_ *os.Root, name string) error {
	d.note(diskOp{kind: "syncdir", name: name})
	return nil
}

func (d *lossyDisk) wrap(name string, f muxer.File) muxer.File {
	return &lossyFile{f, d, d.number(name)}
}

type lossyFile struct {
	muxer.File
	disk  *lossyDisk
	inode int
}

func (f *lossyFile) WriteAt(b []byte, at int64) (int, error) {
	f.disk.note(diskOp{kind: "write", inode: f.inode, at: at, data: slices.Clone(b)})
	return f.File.WriteAt(b, at)
}

func (f *lossyFile) Truncate(size int64) error {
	f.disk.note(diskOp{kind: "truncate", inode: f.inode, at: size})
	return f.File.Truncate(size)
}

func (f *lossyFile) Sync() error {
	f.disk.note(diskOp{kind: "sync", inode: f.inode})
	return nil
}

// platter is what a disk holds: of each file what is durable, and what was done to
// it since; likewise of the names.
type platter struct {
	files   map[int]*platterFile
	names   map[string]int // durable ones
	pending []diskOp       // of names
}

type platterFile struct {
	durable []byte
	written []byte // all of it
	pending []diskOp
}

// platterOf returns what a disk holds after some operations.
func platterOf(log []diskOp) platter {
	m := platter{files: map[int]*platterFile{}, names: map[string]int{".": 0}}
	for _, op := range log {
		f := m.files[op.inode]
		switch op.kind {
		case "mkdir", "rename", "remove":
			m.pending = append(m.pending, op)
		case "create":
			m.files[op.inode] = &platterFile{}
			m.pending = append(m.pending, op)
		case "write", "truncate":
			f.written = op.apply(f.written)
			f.pending = append(f.pending, op)
		case "sync":
			f.durable, f.pending = slices.Clone(f.written), nil
		case "syncdir":
			m.pending = slices.DeleteFunc(m.pending, func(p diskOp) bool {
				if path.Dir(p.name) != op.name {
					return false
				}
				p.rename(m.names)
				return true
			})
		}
	}
	return m
}

// apply does an operation to the content of a file.
func (op diskOp) apply(b []byte) []byte {
	end := op.at + int64(len(op.data))
	if n := int64(len(b)); n < end {
		b = append(b, make([]byte, end-n)...)
	}
	if op.kind == "truncate" {
		return b[:op.at:op.at]
	}
	b = slices.Clone(b)
	copy(b[op.at:], op.data)
	return b
}

// rename does an operation to names.
func (op diskOp) rename(names map[string]int) {
	switch op.kind {
	case "mkdir", "create":
		names[op.name] = op.inode
	case "rename":
		if n, there := names[op.name]; there {
			names[op.to] = n
			delete(names, op.name)
		}
	case "remove":
		delete(names, op.name)
	}
}

// pick returns which of n pending operations have come to the disk: none, all,
// the first, or any.
func pick(r *rand.Rand, n int) func(i int) bool {
	switch mode := r.IntN(4); mode {
	case 0, 1:
		return func(int) bool { return mode == 0 }
	case 2:
		first := r.IntN(n + 1)
		return func(i int) bool { return i < first }
	default:
		return func(int) bool { return r.IntN(2) == 0 }
	}
}

// content returns what a power loss leaves of a file. Its size may be any that it
// had, and each sector that was written may be there or not.
func (f *platterFile) content(r *rand.Rand) []byte {
	b := slices.Clone(f.durable)
	kept := pick(r, len(f.pending))
	sizes := []int{len(b)}
	sector := []int64{512, 4096}[r.IntN(2)]
	torn := r.IntN(2) == 0
	all := f.durable
	for i, op := range f.pending {
		all = op.apply(all)
		sizes = append(sizes, len(all))
		if op.kind == "truncate" {
			continue
		}
		there := kept(i)
		for at := op.at; at < op.at+int64(len(op.data)); {
			end := min((at/sector+1)*sector, op.at+int64(len(op.data)))
			if torn && r.IntN(2) == 0 != there || !torn && there {
				b = diskOp{kind: "write", at: at, data: op.data[at-op.at : end-op.at]}.apply(b)
			}
			at = end
		}
	}
	size := sizes[len(sizes)-1]
	if r.IntN(2) == 0 {
		size = sizes[r.IntN(len(sizes))]
	}
	if size > len(b) {
		b = append(b, make([]byte, size-len(b))...)
	}
	return b[:size]
}

// lose makes the directory dir as a power loss may leave it.
func (m platter) lose(t *testing.T, r *rand.Rand, dir string) {
	t.Helper()
	names := maps.Clone(m.names)
	kept := pick(r, len(m.pending))
	for i, op := range m.pending {
		if kept(i) {
			op.rename(names)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		at := filepath.Join(dir, name)
		f := m.files[names[name]]
		_, above := names[path.Dir(name)]
		var err error
		switch {
		case !above:
		case f == nil:
			err = os.MkdirAll(at, 0o700)
		default:
			err = os.WriteFile(at, f.content(r), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// settle makes the directory dir of a disk, with all that was done to the platter
// durable.
func (m platter) settle(t *testing.T, d *lossyDisk, dir string) {
	t.Helper()
	for _, op := range m.pending {
		op.rename(m.names)
	}
	for _, name := range slices.Sorted(maps.Keys(m.names)) {
		f, err := m.files[m.names[name]], error(nil)
		at := filepath.Join(dir, name)
		if f == nil {
			if name != "." {
				d.note(diskOp{kind: "mkdir", name: name})
			}
			err = os.MkdirAll(at, 0o700)
		} else {
			d.note(diskOp{kind: "create", name: name})
			d.note(diskOp{kind: "write", inode: d.number(name), data: f.written})
			d.note(diskOp{kind: "sync", inode: d.number(name)})
			err = os.WriteFile(at, f.written, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		d.note(diskOp{kind: "syncdir", name: path.Dir(name)})
	}
}

var _ storage.Disk = (*lossyDisk)(nil)
