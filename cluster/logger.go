package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// logger passes on what the embedded server logs. What it notes in passing is
// of no interest to an operator of callreel, nor that it finds after a crash what
// a crash leaves: an index behind its data, which it reads anew.
type logger struct{ log *slog.Logger }

// afterCrash reports whether a warning is about that.
func afterCrash(format string) bool {
	for _, usual := range []string{"TTL state is outdated", "Stream state outdated", "Recovering stream state from index errored"} {
		if strings.Contains(format, usual) {
			return true
		}
	}
	return false
}

func (l logger) print(level slog.Level, format string, v []any) {
	l.log.Log(context.Background(), level, "cluster: "+fmt.Sprintf(format, v...))
}

func (l logger) Noticef(format string, v ...any) { l.print(slog.LevelDebug, format, v) }
func (l logger) Debugf(format string, v ...any)  { l.print(slog.LevelDebug, format, v) }
func (l logger) Tracef(format string, v ...any)  { l.print(slog.LevelDebug, format, v) }
func (l logger) Errorf(format string, v ...any)  { l.print(slog.LevelError, format, v) }
func (l logger) Fatalf(format string, v ...any)  { l.print(slog.LevelError, format, v) }

func (l logger) Warnf(format string, v ...any) {
	level := slog.LevelWarn
	if afterCrash(format) {
		level = slog.LevelDebug
	}
	l.print(level, format, v)
}
