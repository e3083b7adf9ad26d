package callreel_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"iter"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The rules of the house, each with its reason. They look at sources only, so
// they hold for every build tag and platform.

const module = "github.com/callreel/callreel"

// A layer says what packages may import. Packages of this module are named by
// their folder, "." being the root; "x/..." is x with all below it, and "..."
// all there are. The fields may and never are lists separated by spaces.
type layer struct {
	pkg   string
	may   string // of ours, directly
	never string // of others, with all below them: neither directly nor through ours
	why   string
}

const (
	foundation = "internal/clock internal/codec internal/codec/convolve internal/cpu internal/fault internal/filelock internal/opusframe internal/probe internal/resample internal/still internal/task internal/timebase"
	stages     = "compositor mixer muxer"
	web        = "net/http github.com/pion/webrtc"
	clouds     = "cloud.google.com github.com/Azure github.com/aws"
	system     = "net os sync syscall"
)

// layers holds for each package in the first entry that names it. What others
// bring along does not count: storage reaches net/http through gocloud.dev.
var layers = []layer{
	{".", foundation + " ingest internal/capture storage " + stages, web + " " + clouds, "an SFU that embeds callreel brings its own WebRTC and HTTP server, and chooses where to store"},
	{"compositor", "", system, "a stage speaks standard types, and neither waits nor does I/O"},
	{"mixer", "", system, "a stage speaks standard types, and neither waits nor does I/O"},
	{"muxer", "", system, "a stage speaks standard types, and writes to what its caller opened"},
	{"compositor/scalertest", "compositor", "", "a conformance suite knows what it tests, no more"},
	{"ingest", foundation, web, "packets come from any source, by whatever transport"},
	{"ingest/replay", foundation + " ingest internal/capture", web, "a capture is replayed anywhere, without a network"},
	{"ingest/whip", foundation + " ingest internal/udp", "", "a source hands over to ingest.Sink, and knows neither recorder nor other sources; this one has sockets"},
	{"ingest/...", foundation + " ingest", "", "a source hands over to ingest.Sink, and knows neither recorder nor other sources"},
	{"storage", foundation, web + " " + clouds, "a store keeps files and knows nothing of calls"},
	{"storage/bucket", "internal/fault storage", "github.com/pion/webrtc", "what knows the cloud services is linked by those who use them"},
	{"storage/storagetest", "storage", "", "a conformance suite knows what it tests, no more"},
	{"control", foundation + " . ingest/... storage events cluster control/... internal/token internal/hmacauth", "", "the server is a user of the library, and shares no tools with the command"},
	{"control/...", "", "", "what the server serves knows nothing of the server"},
	{"events", foundation + " cluster", "github.com/pion/webrtc", "events are delivered whoever made them"},
	{"cluster", foundation, "github.com/pion/webrtc", "what nodes share is below all that they do"},
	{"client", "internal/hmacauth", "github.com/pion/webrtc", "a client of the API signs requests, and links no media code"},
	{"bench/...", foundation + " . ingest/... muxer storage client internal/... bench/...", "", "the bench measures what users run"},
	{"internal/hmacauth", "", "github.com/pion/webrtc", "a signature is of an HTTP request"},
	{"internal/capture", foundation + " ingest", web, "a capture holds what a source hands over"},
	{"internal/servertest", "", "", "servers that tests talk to know nothing of ours"},
	{"internal/simulate", foundation + " compositor ingest", "", "simulated participants are callers, not part of the recorder"},
	{"internal/stills", foundation + " compositor", web, "a contact sheet is made of a finished file"},
	{"internal/worker", foundation + " . control ingest ingest/whip storage/bucket", "", "a call in a process of its own is a way to host the server's calls; nobody else starts processes"},
	{"internal/...", foundation, web, "a leaf, for anybody to build on"},
	{"cmd/...", "...", "", "commands put everything together"},
	{"e2e", "...", "", "tests of everything together"},
	{"examples/...", stages + " . ingest/... storage control events client", "", "an example does what a user could"},
	{"scripts/...", "", "", "tools of the build need nothing built"},
}

func TestLayers(t *testing.T) {
	imports := map[string]map[string]bool{}
	for s := range sources(t) {
		if s.test {
			continue
		}
		if imports[s.dir] == nil {
			imports[s.dir] = map[string]bool{}
		}
		for _, i := range s.file.Imports {
			imports[s.dir][unquote(t, i.Path)] = true
		}
	}
	for pkg := range imports {
		if i := slices.IndexFunc(layers, func(l layer) bool { return within(pkg, l.pkg) }); i >= 0 {
			layers[i].check(t, pkg, imports)
		} else {
			t.Errorf("%s: no layer names it", pkg)
		}
	}
}

// check follows the imports of pkg, by folder, through all packages of ours.
func (l layer) check(t *testing.T, pkg string, imports map[string]map[string]bool) {
	seen := map[string]bool{pkg: true}
	for queue := []string{pkg}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for imp := range imports[at] {
			dir, ours := folder(imp)
			switch {
			case !ours:
				if slices.ContainsFunc(strings.Fields(l.never), func(bad string) bool { return within(imp, bad+"/...") }) {
					t.Errorf("%s imports %s in %s: %s", pkg, imp, at, l.why)
				}
				continue
			case at == pkg && !withinAny(dir, l.may):
				t.Errorf("%s imports %s: %s", pkg, dir, l.why)
			}
			if !seen[dir] {
				seen[dir] = true
				queue = append(queue, dir)
			}
		}
	}
}

func TestCgoHasOnePlace(t *testing.T) {
	for s := range sources(t) {
		for _, i := range s.file.Imports {
			if i.Path.Value == `"C"` && !within(s.dir, "internal/codec/...") {
				t.Errorf("%s: import \"C\": memory that is not Go's is handled in internal/codec only", s.at(i))
			}
		}
	}
}

// Two engines in one process share nothing, and importing a package does nothing.
func TestNothingHappensOnImport(t *testing.T) {
	for s := range sources(t) {
		for _, f := range s.funcs() {
			if f.Name.Name == "init" && f.Recv == nil {
				t.Errorf("%s: func init: importing a package must not do anything", s.at(f))
			}
		}
	}
}

// A stage is pulled by its owner: the same inputs give the same bytes.
func TestStagesHaveNoClockAndNoGoroutine(t *testing.T) {
	clock := []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}
	for s := range sources(t) {
		if s.test || !withinAny(s.dir, stages) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: a stage starts no goroutine", s.at(n))
			case *ast.SelectorExpr:
				if is(n, "time", clock...) {
					t.Errorf("%s: a stage has no clock", s.at(n))
				}
			}
			return true
		})
	}
}

func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	doc := map[string]bool{}
	for s := range sources(t) {
		if !s.test || s.dir == "e2e" { // which is all tests
			doc[s.dir] = doc[s.dir] || s.file.Doc != nil
		}
	}
	for dir, has := range doc {
		if !has {
			t.Errorf("%s has no package comment", dir)
		}
	}
}

// Public packages are what users import: each shows how.
func TestPublicPackagesHaveExamples(t *testing.T) {
	const private = "internal/... cmd/... examples/... scripts/... bench/... e2e"
	const suites = "compositor/scalertest storage/storagetest" // only a test can run them
	shown := map[string]bool{}
	for s := range sources(t) {
		if withinAny(s.dir, private+" "+suites) {
			continue
		}
		shown[s.dir] = shown[s.dir] || s.test && slices.ContainsFunc(s.funcs(), func(f *ast.FuncDecl) bool {
			return strings.HasPrefix(f.Name.Name, "Example")
		})
	}
	for dir, has := range shown {
		if !has {
			t.Errorf("%s has no runnable Example", dir)
		}
	}
}

// Real time in tests makes them slow, and wrong on a loaded machine. In the
// bubble of a synctest.Test it is exact and costs nothing.
func TestTestsDoNotSleep(t *testing.T) {
	for s := range sources(t) {
		if !s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				return !is(n.Fun, "synctest", "Test")
			case *ast.SelectorExpr:
				if is(n, "time", "Sleep") {
					t.Errorf("%s: time.Sleep outside of a synctest.Test", s.at(n))
				}
			}
			return true
		})
	}
}

// A file is about one thing and a function fits a screen.
func TestSizes(t *testing.T) {
	const fileLines, funcLines = 400, 60
	for s := range sources(t) {
		if s.test || strings.HasSuffix(s.dir, "test") {
			continue // tables and media make tests long
		}
		if n := s.fset.File(s.file.FileStart).LineCount(); n > fileLines {
			t.Errorf("%s has %d lines, more than %d", s.path, n, fileLines)
		}
		for _, f := range s.funcs() {
			if n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1; n > funcLines {
				t.Errorf("%s: %s has %d lines, more than %d", s.at(f), f.Name.Name, n, funcLines)
			}
		}
	}
}

// source is a parsed Go file.
type source struct {
	path, dir string
	test      bool
	fset      *token.FileSet
	file      *ast.File
}

// sources returns the files of this module, but not those of modules inside it.
func sources(t *testing.T) iter.Seq[source] {
	t.Helper()
	files, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	return maps.Values(files)
}

// tree is parse, once for all rules: it takes seconds under the race detector.
var tree = sync.OnceValues(parse)

// parse parses the files, by their paths.
func parse() (map[string]source, error) {
	files := map[string]source{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		file = filepath.ToSlash(file)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (hidden(d.Name()) || within(file, "scripts/tools")):
			return filepath.SkipDir
		case d.IsDir() || path.Ext(file) != ".go":
			return nil
		}
		parsed, err := parser.ParseFile(fset, file, nil, parser.ParseComments)
		files[file] = source{file, path.Dir(file), strings.HasSuffix(file, "_test.go"), fset, parsed}
		return err
	})
	return files, err
}

// hidden tells the folders that the go command passes over.
func hidden(name string) bool {
	return name == "testdata" || name != "." && strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

func (s source) at(n ast.Node) token.Position { return s.fset.Position(n.Pos()) }

func (s source) funcs() []*ast.FuncDecl {
	var fs []*ast.FuncDecl
	for _, d := range s.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			fs = append(fs, f)
		}
	}
	return fs
}

// is tells whether n is pkg.name, for one of the names.
func is(n ast.Node, pkg string, names ...string) bool {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok || !slices.Contains(names, sel.Sel.Name) {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == pkg
}

// within tells whether a package is what the pattern names.
func within(pkg, pattern string) bool {
	root, tree := strings.CutSuffix(pattern, "/...")
	return pattern == "..." || pkg == root || tree && strings.HasPrefix(pkg, root+"/")
}

// withinAny is within for a list of patterns.
func withinAny(pkg, patterns string) bool {
	return slices.ContainsFunc(strings.Fields(patterns), func(p string) bool { return within(pkg, p) })
}

// folder is the folder of a package of ours.
func folder(imp string) (dir string, ours bool) {
	if imp == module {
		return ".", true
	}
	return strings.CutPrefix(imp, module+"/")
}

func unquote(t *testing.T, lit *ast.BasicLit) string {
	t.Helper()
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
