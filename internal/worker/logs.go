package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// maxLogLine is how much of a line is kept.
const maxLogLine = 64 << 10 // bytes

// logLines takes what a worker logs into the server's log. What is no record, as
// the last words of a crash, becomes one, line by line.
type logLines struct {
	log  *slog.Logger
	pid  func() int
	line []byte
}

func (l *logLines) Write(p []byte) (int, error) {
	n := len(p)
	for {
		end := bytes.IndexByte(p, '\n')
		part := p
		if end >= 0 {
			part = p[:end]
		}
		l.line = append(l.line, part[:min(len(part), maxLogLine-len(l.line))]...)
		if end < 0 {
			return n, nil
		}
		l.tell()
		p = p[end+1:]
	}
}

// tell logs a line.
func (l *logLines) tell() {
	line := l.line
	l.line = l.line[:0]
	if len(bytes.TrimSpace(line)) == 0 {
		return
	}
	var record map[string]any
	if json.Unmarshal(line, &record) != nil || record[slog.MessageKey] == nil {
		l.log.Error("worker says", "pid", l.pid(), "text", string(line))
		return
	}
	var level slog.Level
	text, _ := record[slog.LevelKey].(string)
	if level.UnmarshalText([]byte(text)) != nil {
		level = slog.LevelInfo
	}
	msg, _ := record[slog.MessageKey].(string)
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	r := slog.NewRecord(time.Now(), level, msg, 0)
	for _, key := range slices.Sorted(maps.Keys(record)) {
		switch key {
		case slog.TimeKey, slog.LevelKey, slog.MessageKey, "conversation":
		default:
			r.AddAttrs(slog.Any(key, record[key]))
		}
	}
	r.AddAttrs(slog.Int("pid", l.pid()))
	_ = l.log.Handler().Handle(context.Background(), r) // as a Logger does
}
