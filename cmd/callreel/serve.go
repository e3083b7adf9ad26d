package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// serveCmd runs a server until it is told to stop.
type serveCmd struct {
	Listen          string         `help:"Address of the HTTP API. On the loopback interface, publishers need no token." default:"127.0.0.1:8080" group:"Server"`
	Keys            keyFlags       `embed:"" group:"Server"`
	PublicURL       string         `name:"public-url" help:"URL at which clients reach the server, if it is behind a proxy." placeholder:"URL" group:"Server"`
	TLS             tlsFlags       `embed:"" prefix:"tls-" group:"Server"`
	Storage         string         `help:"Where finished recordings are kept: a directory, or an s3://, azblob:// or gs:// URL; \"recordings\" in the data directory if not given." placeholder:"LOCATION" group:"Server"`
	RequireToken    bool           `help:"Want a token of every publisher, also on the loopback interface." group:"Server"`
	MaxRecordings   int            `help:"Most recordings at the same time; 0: no bound." default:"0" group:"Server"`
	ShutdownTimeout time.Duration  `help:"How long running recordings may take to finish when the server is told to stop." default:"1m" group:"Server"`
	Recording       recordingFlags `embed:"" group:"Recordings"`
	Font            []string       `help:"Files (TTF, OTF, TTC) with glyphs for names that are not Latin, Greek or Cyrillic." type:"existingfile" placeholder:"FILE" group:"Recordings"`
	Media           mediaFlags     `embed:"" group:"Media"`
	Log             logFlags       `embed:"" group:"Log"`
}

// Help is shown by callreel serve --help.
func (serveCmd) Help() string {
	return `SIGINT or SIGTERM finishes the running recordings and ends the server; a second one ends it at once.`
}

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context, con console) error {
	key, text, made, err := c.Keys.open()
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
	s, err := startServer(ctx, serverConfig{
		TLS:     files,
		Storage: c.Storage,
		Listen:  c.Listen, Data: c.Keys.Data, Key: key,
		PublicURL: c.PublicURL, RequireToken: c.RequireToken,
		MaxRecordings: c.MaxRecordings, Fonts: c.Font,
		Recording: c.Recording.config(),
		WHIP:      media,
		Log:       c.Log.logger(con.err),
	})
	if err != nil {
		return err
	}
	if !made {
		text = ""
	}
	c.greet(con.out, s.URL, text)
	return c.wait(ctx, s)
}

// greet says how to go on. A key that was just made is shown this once.
func (c *serveCmd) greet(w io.Writer, at, newKey string) {
	text := fmt.Sprintf("callreel %s serves at %s, data in %s\n", version(), at, c.Keys.Data)
	if newKey != "" {
		text += fmt.Sprintf(firstSteps, at, c.Keys.Data, accessKeyFile, newKey)
	}
	_, _ = io.WriteString(w, text)
}

const firstSteps = `
A new access key was made, and is kept in %[2]s/%[3]s:

  %[4]s

Join a call in a browser on this machine:
  %[1]s/call/room-1
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
		s.log.Info("stopping", "recordings", len(s.Engine.Recordings()), "timeout", c.ShutdownTimeout)
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
