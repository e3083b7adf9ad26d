package cluster

import (
	"context"
	"fmt"
	"log/slog"
)

// logger passes on what the embedded server logs. What it notes in passing is
// of no interest to an operator of callreel.
type logger struct{ log *slog.Logger }

func (l logger) print(level slog.Level, format string, v []any) {
	l.log.Log(context.Background(), level, "cluster: "+fmt.Sprintf(format, v...))
}

func (l logger) Noticef(format string, v ...any) { l.print(slog.LevelDebug, format, v) }
func (l logger) Debugf(format string, v ...any)  { l.print(slog.LevelDebug, format, v) }
func (l logger) Tracef(format string, v ...any)  { l.print(slog.LevelDebug, format, v) }
func (l logger) Warnf(format string, v ...any)   { l.print(slog.LevelWarn, format, v) }
func (l logger) Errorf(format string, v ...any)  { l.print(slog.LevelError, format, v) }
func (l logger) Fatalf(format string, v ...any)  { l.print(slog.LevelError, format, v) }
