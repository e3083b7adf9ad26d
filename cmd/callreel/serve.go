package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/callreel/callreel/internal/fault"
)

// serveCmd runs a server until it is told to stop.
type serveCmd struct {
	Listen          string         `help:"Address of the HTTP API." default:"127.0.0.1:8080" group:"Server"`
	Keys            keyFlags       `embed:"" group:"Server"`
	SecondaryKey    string         `name:"secondary-access-key" help:"A second access key that is as good, with --access-key." placeholder:"KEY" group:"Server"`
	Dev             bool           `help:"For trying out, on the loopback interface only: whoever is on this machine publishes without a token." group:"Server"`
	PublicURL       string         `name:"public-url" help:"URL at which clients reach the server, if it is behind a proxy." placeholder:"URL" group:"Server"`
	ContentBaseURL  string         `name:"content-base-url" help:"What the addresses of files begin with, if not the URL at which clients reach the server: the newest SDKs of Azure fetch files from certain domains only." placeholder:"URL" group:"Server"`
	TLS             tlsFlags       `embed:"" prefix:"tls-" group:"Server"`
	RateLimit       float64        `help:"Requests that a client may make each second, twice as many at once; negative: no limit." default:"100" group:"Server"`
	Storage         string         `help:"Where finished recordings are kept: a directory, or an s3://, azblob:// or gs:// URL; \"recordings\" in the data directory if not given." placeholder:"LOCATION" group:"Server"`
	Retention       time.Duration  `help:"How long files are kept after a recording has ended; 0: for ever." default:"48h" group:"Server"`
	ContinueWithin  time.Duration  `help:"Recordings that a crash has interrupted go on at the next start, if they wrote something that lately; 0: they end." default:"5m" group:"Server"`
	Webhook         webhookFlags   `embed:"" group:"Events"`
	Admission       admission      `help:"How many recordings may run at the same time: auto (as many as measured cost leaves room for), off (any number) or a number." default:"auto" group:"Server"`
	SpoolReserve    int64          `help:"Bytes that must be free in the data directory for a recording to begin; negative: none." default:"1073741824" group:"Server"`
	ShutdownTimeout time.Duration  `help:"How long running recordings may take to finish when the server is told to stop." default:"1m" group:"Server"`
	Recording       recordingFlags `embed:"" group:"Recordings"`
	Font            []string       `help:"Files (TTF, OTF, TTC) with glyphs for names that are not Latin, Greek or Cyrillic." type:"existingfile" placeholder:"FILE" group:"Recordings"`
	Media           mediaFlags     `embed:"" group:"Media"`
	Limits          limitFlags     `embed:"" prefix:"max-" group:"Limits"`
	Workers         workerFlags    `embed:"" group:"Workers"`
	Log             logFlags       `embed:"" group:"Log"`
}

// Help is shown by callreel serve --help.
func (serveCmd) Help() string {
	return `SIGINT or SIGTERM finishes the running recordings and ends the server; a second one ends it at once.`
}

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context, con console) error {
	log := c.Log.logger(con.err)
	keys, made, err := c.keys(log)
	if err != nil {
		return err
	}
	files, err := c.TLS.open()
	if err != nil {
		return err
	}
	media, err := c.Media.config()
	if err != nil {
		return err
	}
	subscriptions, err := c.Webhook.subscriptions()
	if err != nil {
		return err
	}
	workers, err := c.Workers.config()
	if err != nil {
		return errors.Join(err, closeSockets(media))
	}
	s, err := startServer(ctx, serverConfig{
		TLS: files, Workers: workers,
		Storage: c.Storage, Retention: cmp.Or(c.Retention, -1), Continue: cmp.Or(c.ContinueWithin, -1),
		Subscriptions: subscriptions, WebhookNetworks: c.Webhook.networks(),
		Listen: c.Listen, Data: c.Keys.Data, Keys: keys, Dev: c.Dev,
		PublicURL: c.PublicURL, ContentBaseURL: c.ContentBaseURL, RateLimit: c.RateLimit,
		Admission: int(c.Admission), SpoolReserve: c.SpoolReserve, Fonts: c.Font, Limits: c.Limits.config(),
		Recording: c.Recording.config(),
		WHIP:      media,
		Log:       log,
	})
	if err != nil {
		return err
	}
	c.greet(con.out, s.URL, made, keys)
	return c.wait(ctx, s)
}

// keys returns where the access keys come from: the flags, or the data
// directory; made reports whether they are new.
func (c *serveCmd) keys(log *slog.Logger) (source func() [][]byte, made bool, err error) {
	if c.Keys.AccessKey == "" {
		if c.SecondaryKey != "" {
			return nil, false, fault.Caller.Wrap(errors.New("--secondary-access-key goes with --access-key"))
		}
		files, made, err := openKeys(c.Keys, log)
		if err != nil {
			return nil, false, err
		}
		return files.current, made, nil
	}
	var keys [][]byte
	for _, text := range []string{c.Keys.AccessKey, c.SecondaryKey} {
		if text == "" {
			continue
		}
		key, err := parseAccessKey(text)
		if err != nil {
			return nil, false, err
		}
		keys = append(keys, key)
	}
	return func() [][]byte { return keys }, false, nil
}

// greet says how to go on. A key that was just made is shown this once.
func (c *serveCmd) greet(w io.Writer, at string, made bool, keys func() [][]byte) {
	text := fmt.Sprintf("callreel %s serves at %s, data in %s\n", version(), at, c.Keys.Data)
	if made {
		page := at + "/call/room-1"
		if !c.Dev {
			page = fmt.Sprintf(`echo "%s?token=$(callreel token --conversation room-1 --participant me)"`, page)
		}
		key := base64.StdEncoding.EncodeToString(keys()[0])
		text += fmt.Sprintf(firstSteps, at, c.Keys.Data, accessKeyFile, key, page)
	}
	_, _ = io.WriteString(w, text)
}

const firstSteps = `
A new access key was made, and is kept in %[2]s/%[3]s:

  %[4]s

Join a call in a browser:
  %[5]s
Record it:
  callreel recordings start room-1
or from any program:
  TOKEN=$(callreel token --scope control,read)
  curl -X POST -H "Authorization: Bearer $TOKEN" %[1]s/conversations/room-1/Recordings

`

// wait waits for the end and then closes the server.
func (c *serveCmd) wait(ctx context.Context, s *server) error {
	var failure error
	select {
	case <-ctx.Done():
		s.log.Info("stopping", "recordings", s.running(), "timeout", c.ShutdownTimeout)
	case failure = <-s.Failed:
		failure = fmt.Errorf("serve HTTP: %w", failure)
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.ShutdownTimeout)
	defer cancel()
	err := s.Close(closing)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("not everything was finished: %w", err)
	}
	return errors.Join(failure, err)
}
