package main

import (
	"fmt"
	"time"

	"github.com/callreel/callreel/internal/token"
)

// tokenCmd makes a token.
type tokenCmd struct {
	Scope        []token.Scope `help:"What the token allows: publish (as one participant into one conversation), control (start, pause, resume and stop recordings), read (see and fetch them)." enum:"publish,control,read" default:"publish"`
	Conversation string        `help:"The only conversation that it is good for; needed to publish." placeholder:"ID"`
	Participant  string        `help:"Who publishes; needed to publish." placeholder:"ID"`
	Name         string        `help:"Name to show on the participant's tile." placeholder:"NAME"`
	Role         token.Role    `help:"What is published: camera or screen." enum:"camera,screen" default:"camera"`
	TTL          time.Duration `name:"ttl" help:"How long it is good." default:"1h"`
	Keys         keyFlags      `embed:""`
}

// Run prints the token.
func (c *tokenCmd) Run(con console) error {
	tok, err := c.Keys.sign(token.Claims{
		Scopes: c.Scope, Conversation: c.Conversation, Participant: c.Participant,
		Name: c.Name, Role: c.Role, Expires: time.Now().Add(c.TTL),
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(con.out, tok)
	return err
}
