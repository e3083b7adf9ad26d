package callreel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Recover takes over what earlier runs have left in the spool: after a crash the
// recordings that ran, whose last file is finished where it breaks off, and those
// that were not all in the storage. To let recordings go on, call [Engine.Continue]
// before. It returns their results; what is there goes
// to the storage like that of any other recording, and is told by a Delivered
// event. What belongs to running recordings, of this engine or of others with
// the same spool, is not touched, so Recover can be called at any time. If IDs
// are given, it is about these only.
//
// The error says what could not be taken over: recordings, or single files of one
// whose result is returned. That stays as it is.
func (e *Engine) Recover(ctx context.Context, only ...string) ([]Result, error) {
	var results []Result
	err := e.leftovers(ctx, "recover", only, func(id string) error {
		res, err := e.recover(id)
		if res != nil {
			results = append(results, *res)
		}
		return err
	})
	return results, err
}

// leftovers calls do for each recording that there is something of in the spool.
// That one is running is no error. If IDs are given, it is about these only.
func (e *Engine) leftovers(ctx context.Context, what string, only []string, do func(id string) error) error {
	ids, err := e.spool.Recordings()
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			errs = append(errs, err)
			break
		}
		if !validID(id) || len(only) > 0 && !slices.Contains(only, id) { // such as lost+found
			continue
		}
		if err := do(id); err != nil && !errors.Is(err, errInUse) {
			errs = append(errs, fmt.Errorf("%s recording %s: %w", what, id, err))
		}
	}
	return errors.Join(errs...)
}

// recover takes over one recording. There is no result if there was nothing.
func (e *Engine) recover(id string) (*Result, error) {
	l := &leftover{eng: e, id: id}
	var err error
	if l.parcel, err = e.courier.open(id, l.tell); err != nil {
		return nil, err
	}
	l.parcel.patient = true
	if err = l.open(); err == nil && l.manifest != nil {
		err = l.finish()
	}
	if err != nil || l.manifest == nil {
		return nil, errors.Join(err, l.parcel.drop())
	}
	l.send()
	res := l.manifest.Result
	e.cfg.Logger.Info("took over a recording", "recording", id, "end", res.EndReason, "duration", res.Duration, "files", len(l.files))
	return &res, errors.Join(l.problems...)
}

// leftover is what an earlier run left of a recording.
type leftover struct {
	eng      *Engine
	id       string
	parcel   *parcel
	files    []string
	manifest *manifest // nil if there is nothing to recover
	settled  bool      // the manifest in the spool says that the recording has ended
	goesOn   bool      // the recording does
	problems []error   // of single files
}

func (l *leftover) tell(e Event) {
	res := &l.manifest.Result
	e.Time, e.Conversation, e.Recording, e.State = l.eng.clock.read(), res.Conversation, l.id, res.State
	l.eng.cfg.OnEvent(e)
}

func (l *leftover) has(name string) bool { return slices.Contains(l.files, name) }

// open finds out what there is.
func (l *leftover) open() (err error) {
	c := l.eng.courier
	if l.files, err = c.spool.Files(l.id); err != nil {
		return err
	}
	if l.manifest, err = c.loadManifest(l.id); err != nil {
		return err
	}
	if l.manifest == nil {
		return l.openWithout()
	}
	l.settled = l.manifest.Ended
	if m := l.manifest; !m.Ended && l.has(resultName) { // the end came in between
		m.Ended = true
		return l.readResult(&m.Result)
	}
	return nil
}

// openWithout deals with what has no manifest: a recording that ended in an
// earlier version of callreel, or one that had not begun.
func (l *leftover) openWithout() error {
	if l.has(resultName) {
		m := &manifest{Version: manifestVersion, Settings: RecordingConfig{ID: l.id}, Ended: true}
		m.Settings.Conversation = "-"
		m.Settings.setDefaults()
		if err := l.readResult(&m.Result); err != nil {
			return err
		}
		m.Settings.Conversation = m.Result.Conversation
		l.manifest = m
		return nil
	}
	for _, name := range l.files {
		if l.parcel.courier.size(l.id, name) > 0 {
			return errors.New("there is no " + manifestName + " that says what the files are")
		}
	}
	var errs []error
	for _, name := range append(l.files, manifestName) { // the directory goes with the last one
		errs = append(errs, l.eng.spool.Discard(l.id, name))
	}
	return errors.Join(errs...)
}

func (l *leftover) readResult(res *Result) error {
	doc, err := l.eng.courier.read(l.id, resultName)
	if err == nil {
		*res = Result{}
		err = json.Unmarshal(doc, res)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", resultName, err)
	}
	return nil
}

// finish finishes the files that were cut off and describes what is not
// described yet.
func (l *leftover) finish() error {
	m, c := l.manifest, l.eng.courier
	res := &m.Result
	res.Chunks, res.Pauses, res.Participants = orEmpty(res.Chunks), orEmpty(res.Pauses), orEmpty(res.Participants)
	if !m.Ended {
		l.interrupt()
	}
	found := l.salvage()
	if err := l.describe(); err != nil {
		return err
	}
	res.State = Completed
	if res.EndReason == EndError {
		res.State = Failed
	}
	if l.settled && !found {
		return nil
	}
	if !m.Ended {
		if err := l.conclude(); err != nil {
			return err
		}
	}
	m.Ended, res.Version = true, resultVersion
	if err := c.write(l.id, resultName, res); err != nil {
		return err
	}
	if !l.has(resultName) {
		l.files = append(l.files, resultName)
	}
	return m.save(c)
}

// conclude makes the report of a recording that was interrupted, of what was noted
// while it ran.
func (l *leftover) conclude() error {
	res := &l.manifest.Result
	report := Report{
		Recording: l.id, Conversation: res.Conversation, StartTime: res.StartTime, Duration: res.Duration, Gaps: res.Gaps,
		Ticks:        TickReport{Stats: res.Stats, Gaps: Spans{}, Unwritten: res.Unwritten},
		Participants: []ParticipantReport{}, Alarms: []Alarm{},
	}
	places := make(map[string]int)
	for _, stay := range res.Participants {
		p := report.participant(stay, places)
		p.Name = stay.Name
		p.Stays = append(p.Stays, stay)
	}
	late := l.manifest.Progress.joinTo(&report, lateness{})
	report.Ticks.P95Lateness, report.Ticks.MaxLateness = late.p95(), late.most
	report.judge(errors.New("it was interrupted; what came in the call after that is not in it"))
	res.Report, res.Verdict = &report, report.Verdict
	if err := l.eng.courier.write(l.id, reportName, report); err != nil {
		return err
	}
	l.files = append(l.files, reportName)
	return nil
}

// send sends everything that is known to the store.
func (l *leftover) send() {
	l.sendChunks()
	for _, f := range []spoolFile{captureOnItsWay(), document(reportName)} {
		if files := l.there(f); len(files) > 0 {
			l.parcel.add(nil, files...)
		}
	}
	l.parcel.ready <- l.manifest.Result
	l.parcel.seal(l.there(document(resultName))...)
}

func (l *leftover) sendChunks() (sent []*shipment) {
	for _, c := range l.manifest.Result.Chunks {
		if files := l.there(mediaFile(c.Index), document(metadataName(c.Index))); len(files) > 0 {
			sent = append(sent, l.parcel.add(&c, files...))
		}
	}
	return sent
}

// there returns those of some files that are in the spool.
func (l *leftover) there(files ...spoolFile) []spoolFile {
	return slices.DeleteFunc(files, func(f spoolFile) bool { return !l.has(f.name) })
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
