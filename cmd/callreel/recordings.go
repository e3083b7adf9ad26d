package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/client"
	"github.com/callreel/callreel/internal/fault"
)

// recordingsCmd talks to a running server.
type recordingsCmd struct {
	List     listCmd     `cmd:"" default:"withargs" help:"List recordings, the newest start first."`
	Show     showCmd     `cmd:"" help:"Print all that is known of a recording, as JSON."`
	Report   reportCmd   `cmd:"" help:"Print the quality report of a recording, as JSON; fail if its verdict is fail."`
	Start    startCmd    `cmd:"" help:"Start a recording and print its ID."`
	Pause    pauseCmd    `cmd:"" help:"Pause a recording: what happens from now on is left out."`
	Resume   resumeCmd   `cmd:"" help:"Let a paused recording go on."`
	Stop     stopCmd     `cmd:"" help:"End a recording."`
	Download downloadCmd `cmd:"" help:"Fetch the files of a recording and their metadata."`
	Delete   deleteCmd   `cmd:"" help:"Delete all there is of a recording that has ended."`
}

// clientFlags say which server, and how to be let in.
type clientFlags struct {
	To    string   `help:"URL of the server." default:"http://127.0.0.1:8080"`
	Token string   `help:"Token, instead of one made with the server's access key." placeholder:"TOKEN"`
	Keys  keyFlags `embed:""`
}

func (f clientFlags) client() (*client.Client, error) {
	tok := f.Token
	if tok == "" {
		var err error
		if tok, err = f.Keys.operator(); err != nil {
			return nil, err
		}
	}
	c, err := client.New(client.Config{Endpoint: f.To, Token: tok})
	return c, fault.Caller.Wrap(err)
}

// with calls do with a client and the recording that is named.
func (f clientFlags) with(ctx context.Context, id string, do func(*client.Client, client.Recording) error) error {
	c, err := f.client()
	if err != nil {
		return err
	}
	r, err := c.Recording(ctx, id)
	if err != nil {
		return err
	}
	return do(c, r)
}

type listCmd struct {
	Conversation string      `help:"Only those of this conversation." placeholder:"ID"`
	State        []string    `help:"Only those in one of these states." enum:"starting,active,paused,stopping,completed,failed,deleted" placeholder:"STATE"`
	Since        moment      `help:"Only those that started at this time or later: 2026-12-01, 2026-12-01T10:00:00Z, or 24h ago." placeholder:"TIME"`
	Until        moment      `help:"Only those that started before this time." placeholder:"TIME"`
	Limit        int         `help:"Most recordings to list; 0: all." default:"100"`
	Server       clientFlags `embed:""`
}

// Run prints a table.
func (c *listCmd) Run(ctx context.Context, con console) error {
	api, err := c.Server.client()
	if err != nil {
		return err
	}
	filter := client.RecordingFilter{
		Conversation: c.Conversation, States: c.State,
		From: c.Since.Time, To: c.Until.Time, PageSize: pageSize(c.Limit),
	}
	t := newTable(con.out, "RECORDING", "CONVERSATION", "STATE", "STARTED", "LENGTH", "FILES")
	for r, err := range atMost(c.Limit, api.Recordings(ctx, filter)) {
		if err != nil {
			return errors.Join(t.Flush(), err)
		}
		t.row(r.ID, fmt.Sprintf("%.40q", r.Conversation), r.State, local(r.StartTime),
			time.Duration(r.DurationMs)*time.Millisecond, len(r.Chunks))
	}
	return t.Flush()
}

// recordingArg names a recording.
type recordingArg struct {
	ID     string      `arg:"" help:"ID of the recording."`
	Server clientFlags `embed:""`
}

type showCmd struct {
	Recording recordingArg `embed:""`
}

// Run prints the details.
func (c *showCmd) Run(ctx context.Context, con console) error {
	return c.Recording.Server.with(ctx, c.Recording.ID, func(_ *client.Client, r client.Recording) error {
		return printJSON(con.out, r)
	})
}

type reportCmd struct {
	Recording recordingArg `embed:""`
}

// Run prints the report.
func (c *reportCmd) Run(ctx context.Context, con console) error {
	return c.Recording.Server.with(ctx, c.Recording.ID, func(api *client.Client, r client.Recording) error {
		doc, err := api.Report(ctx, r.ID)
		if err != nil {
			return err
		}
		if err := printJSON(con.out, doc); err != nil {
			return err
		}
		if r.Verdict == string(callreel.Fail) {
			return fault.Source.Wrap(fmt.Errorf("the verdict of recording %s is fail", r.ID))
		}
		return nil
	})
}

type startCmd struct {
	Conversation string        `arg:"" help:"ID of the conversation."`
	Context      string        `help:"Text to find the operation by in the server's log." placeholder:"TEXT"`
	PauseOnStart bool          `help:"Start paused: nothing is recorded before it is resumed."`
	Delay        time.Duration `help:"How far behind the call the recording is composed, 200ms to 5s; 0: as the server has it." default:"0s"`
	Server       clientFlags   `embed:""`
}

// Run prints the ID.
func (c *startCmd) Run(ctx context.Context, con console) error {
	api, err := c.Server.client()
	if err != nil {
		return err
	}
	id, err := api.StartRecording(ctx, c.Conversation, client.StartOptions{
		OperationContext: c.Context, ComposingDelay: c.Delay, PauseOnStart: c.PauseOnStart,
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(con.out, id)
	return err
}

type pauseCmd struct {
	Recording recordingArg `embed:""`
}

// Run pauses.
func (c *pauseCmd) Run(ctx context.Context) error {
	return c.Recording.Server.with(ctx, c.Recording.ID, func(api *client.Client, r client.Recording) error {
		return api.PauseRecording(ctx, r.Conversation, r.ID)
	})
}

type resumeCmd struct {
	Recording recordingArg `embed:""`
}

// Run resumes.
func (c *resumeCmd) Run(ctx context.Context) error {
	return c.Recording.Server.with(ctx, c.Recording.ID, func(api *client.Client, r client.Recording) error {
		return api.ResumeRecording(ctx, r.Conversation, r.ID)
	})
}

type stopCmd struct {
	Recording recordingArg `embed:""`
}

// Run stops.
func (c *stopCmd) Run(ctx context.Context) error {
	return c.Recording.Server.with(ctx, c.Recording.ID, func(api *client.Client, r client.Recording) error {
		return api.StopRecording(ctx, r.Conversation, r.ID)
	})
}

type downloadCmd struct {
	Recording recordingArg `embed:""`
	Dir       string       `help:"Directory to put the files into." default:"." type:"existingdir"`
}

// Run fetches every chunk and its metadata, and prints the names of the files.
func (c *downloadCmd) Run(ctx context.Context, con console) error {
	return c.Recording.Server.with(ctx, c.Recording.ID, func(api *client.Client, r client.Recording) error {
		if len(r.Chunks) == 0 {
			return fault.Caller.Wrap(fmt.Errorf("recording %s has no files (state %s)", r.ID, r.State))
		}
		for _, chunk := range r.Chunks {
			name := filepath.Join(c.Dir, filepath.Base(chunk.DocumentID))
			err := errors.Join(
				save(name+".mp4", func(w io.Writer) (int64, error) { return api.DownloadRecording(ctx, chunk.DocumentID, w) }),
				save(name+".json", func(w io.Writer) (int64, error) { return api.DownloadMetadata(ctx, chunk.DocumentID, w) }),
			)
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintf(con.out, "%[1]s.mp4\n%[1]s.json\n", name)
		}
		return nil
	})
}

type deleteCmd struct {
	Recording recordingArg `embed:""`
}

// Run deletes.
func (c *deleteCmd) Run(ctx context.Context) error {
	api, err := c.Recording.Server.client()
	if err != nil {
		return err
	}
	return api.DeleteRecording(ctx, c.Recording.ID)
}

// save makes a file of what write writes. There is no file if that fails.
func save(name string, write func(io.Writer) (int64, error)) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return fault.Caller.Wrap(err)
	}
	_, err = write(f)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// copyFile copies a file, also to another file system.
func copyFile(from, name string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	err = save(name, func(w io.Writer) (int64, error) { return io.Copy(w, f) })
	return errors.Join(err, f.Close())
}
