package bench

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNoFootage says that the packages with the footage are not to be had. What
// needs none is the workload synthetic.
var ErrNoFootage = errors.New("bench: no footage")

// packages of Debian have footage and speech under free licences. They are
// fetched and unpacked into the cache, not installed, and are no part of callreel.
var packages = []string{"opencv-doc", "asterisk-core-sounds-en-wav", "pocketsphinx-testdata"}

// footage is where material is.
type footage struct {
	dir  string  // of the unpacked packages
	work string  // of the workload
	pcm  []int16 // all speech, once it was needed
}

// openFootage fetches what a workload needs, unless it is in the cache.
func openFootage(ctx context.Context, cache, workload string) (*footage, error) {
	f := &footage{dir: filepath.Join(cache, "footage"), work: workload}
	if workload == Synthetic {
		return f, nil
	}
	if _, err := os.Stat(f.dir); err == nil {
		return f, nil
	}
	if err := fetch(ctx, f.dir); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoFootage, err)
	}
	return f, nil
}

// fetch unpacks the packages into dir, which is there only if all of it is.
func fetch(ctx context.Context, dir string) (err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "fetch-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	if err := run(ctx, temp, "apt-get", append([]string{"download", "-q"}, packages...)...); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(temp, "*.deb"))
	if err != nil {
		return err
	}
	unpacked := filepath.Join(temp, "unpacked")
	for _, deb := range debs {
		if err := run(ctx, temp, "dpkg-deb", "-x", deb, unpacked); err != nil {
			return err
		}
	}
	html := filepath.Join(unpacked, opencvHTML)
	for _, name := range []string{"box.mp4", "cup.mp4"} {
		if err := gunzip(filepath.Join(html, name)); err != nil {
			return err
		}
	}
	return os.Rename(unpacked, dir)
}

// gunzip makes file of file.gz.
func gunzip(file string) error {
	packed, err := os.ReadFile(file + ".gz")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // some releases of the package don't compress it
	}
	if err != nil {
		return err
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o666)
}

// run runs a tool, with what it has to say in the error.
func run(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return nil
}

const (
	opencvData = "usr/share/doc/opencv-doc/examples/data"
	opencvHTML = "usr/share/doc/opencv-doc/opencv4/html"
	asterisk   = "usr/share/asterisk/sounds/en_US_f_Allison"
	librivox   = "usr/share/pocketsphinx/test/data/librivox"
)

// sourceCount is how many different cameras a workload has. Further ones send
// the same again.
const sourceCount = 9

// source says how FFmpeg gets at the pictures of a camera: its arguments for the
// input, and what filter makes them 640x360 at 30 frames/s.
type source struct {
	input  []string
	filter string
}

// camera returns the source of camera i.
func (f *footage) camera(i int) source {
	i %= sourceCount
	switch f.work {
	case Meeting:
		return f.meeting(i)
	case Motion:
		return f.motion(i)
	default:
		return source{
			[]string{"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=640x360:rate=30,hue=h=%d", i*40)},
			fmt.Sprintf("noise=alls=4:allf=t:all_seed=%d", i),
		}
	}
}

// meeting is a fixed camera over a street (parts of one of 10 frames/s), or a
// still whose middle sways before the rest as a head does; with the noise of a
// sensor.
func (f *footage) meeting(i int) source {
	noise := fmt.Sprintf("noise=alls=3:allf=t:all_seed=%d", i)
	stills := []string{"messi5.jpg", "fruits.jpg", "leuvenA.jpg", "building.jpg"}
	if i < len(stills) {
		return source{
			[]string{"-loop", "1", "-framerate", "30", "-i", filepath.Join(f.dir, opencvData, stills[i])},
			"scale=640:360:force_original_aspect_ratio=increase,crop=640:360,split[a][b];" +
				"[b]crop=216:264:212:72[c];[a][c]overlay=x=212+7*sin(t*1.1):y=72+4*sin(t*1.7):eval=frame," + noise,
		}
	}
	corner := [...][2]int{{0, 0}, {128, 0}, {64, 108}, {0, 216}, {128, 216}}[i-len(stills)]
	return source{
		[]string{"-ss", fmt.Sprint(10 * (i - len(stills))), "-stream_loop", "-1", "-i", filepath.Join(f.dir, opencvData, "vtest.avi")},
		fmt.Sprintf("crop=640:360:%d:%d,fps=30,%s", corner[0], corner[1], noise),
	}
}

// motion is a camera in somebody's hand, or a film, from some point on, over and
// over.
func (f *footage) motion(i int) source {
	films := []string{
		filepath.Join(opencvHTML, "box.mp4"), filepath.Join(opencvHTML, "cup.mp4"), filepath.Join(opencvData, "Megamind.avi"),
	}
	return source{
		[]string{"-stream_loop", "-1", "-i", filepath.Join(f.dir, films[i%3])},
		fmt.Sprintf("fps=30,scale=640:360:force_original_aspect_ratio=increase,crop=640:360,trim=start=%d,setpts=PTS-STARTPTS", i/3*2),
	}
}

// slides are the screens that are shared, of 1280x720.
func (f *footage) slides() []source {
	var all []source
	for i, name := range []string{"ml.png", "sudoku.png", "cards.png"} {
		s := source{[]string{"-i", filepath.Join(f.dir, opencvData, name)}, ""}
		if f.work == Synthetic {
			s.input = []string{"-f", "lavfi", "-i", fmt.Sprintf("smptehdbars=size=1280x720:rate=1,hue=h=%d", i*60)}
		}
		all = append(all, s)
	}
	return all
}

// speech returns the files that are spoken.
func (f *footage) speech() [][]string {
	if f.work == Synthetic {
		const voice = "aevalsrc='0.3*sin(2*PI*150*t+9*sin(2*PI*t))*max(0,sin(2*PI*3*t))':sample_rate=48000:duration=40"
		return [][]string{{"-f", "lavfi", "-i", voice}}
	}
	var all [][]string
	for _, name := range []string{"demo-congrats", "vm-opts-full", "demo-instruct", "conf-usermenu", "demo-moreinfo", "basic-pbx-ivr-main"} {
		all = append(all, []string{"-i", filepath.Join(f.dir, asterisk, name+".wav")})
	}
	for _, n := range strings.Fields("0870 0880 0890 0920 0930") {
		all = append(all, []string{"-i", filepath.Join(f.dir, librivox, "sense_and_sensibility_01_austen_64kb-"+n+".wav")})
	}
	return all
}
