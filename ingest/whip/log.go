package whip

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// logFactory passes what the WebRTC stack logs to slog, a grade lower: its
// warnings come with every connection that begins or ends, and tell an operator
// nothing.
type logFactory struct{ to *slog.Logger }

// NewLogger implements logging.LoggerFactory.
func (f logFactory) NewLogger(scope string) logging.LeveledLogger {
	return logger{f.to.With("scope", scope)}
}

type logger struct{ to *slog.Logger }

func (l logger) log(level slog.Level, msg string) {
	l.to.Log(context.Background(), level, msg)
}

func (l logger) logf(level slog.Level, format string, args []any) {
	if ctx := context.Background(); l.to.Enabled(ctx, level) {
		l.to.Log(ctx, level, fmt.Sprintf(format, args...))
	}
}

// Trace records are dropped: there are some for each packet.
func (l logger) Trace(string)          {}
func (l logger) Tracef(string, ...any) {}

func (l logger) Debug(msg string)                  { l.log(slog.LevelDebug, msg) }
func (l logger) Debugf(format string, args ...any) { l.logf(slog.LevelDebug, format, args) }
func (l logger) Info(msg string)                   { l.log(slog.LevelDebug, msg) }
func (l logger) Infof(format string, args ...any)  { l.logf(slog.LevelDebug, format, args) }
func (l logger) Warn(msg string)                   { l.log(slog.LevelDebug, msg) }
func (l logger) Warnf(format string, args ...any)  { l.logf(slog.LevelDebug, format, args) }
func (l logger) Error(msg string)                  { l.log(slog.LevelWarn, msg) }
func (l logger) Errorf(format string, args ...any) { l.logf(slog.LevelWarn, format, args) }
