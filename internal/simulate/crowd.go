package simulate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// maxCrowd bounds the participants of a crowd.
const maxCrowd = 1000

// CrowdConfig describes participants of one call. Participant and N are needed;
// the zero value of the rest is useful.
type CrowdConfig struct {
	// Participant is what all have in common. Its Index is that of the first;
	// ID, Name, Color and Tone are derived from each one's own. Video is the
	// codec of those that Codecs does not say otherwise of.
	Participant Config
	// N is the number of participants, 1 to 1000.
	N int
	// Codecs are the video codecs, in turn.
	Codecs []string
	// Names are those of the first participants. The others have made-up ones.
	Names []string
	// Sign, where not nil, makes each participant's token, instead of the one
	// that Participant has.
	Sign func(id, name string) (string, error)
	// Stagger is the time from one participant's joining to the next one's.
	Stagger time.Duration
	// Stay is how long a participant is in the call before leaving it to come
	// back, give or take a quarter. Zero means to the end.
	Stay time.Duration
	// Away is the time until a participant comes back, give or take a quarter.
	Away time.Duration
}

// Crowd is a number of participants of one call.
type Crowd struct {
	cfg     CrowdConfig
	members []*Participant
}

// NewCrowd checks cfg. Nothing happens before Run.
func NewCrowd(cfg CrowdConfig) (*Crowd, error) {
	if cfg.N < 1 || cfg.N > maxCrowd {
		return nil, fmt.Errorf("%w: %d participants", ErrConfig, cfg.N)
	}
	if cfg.Stagger < 0 || cfg.Stay < 0 || cfg.Away < 0 {
		return nil, fmt.Errorf("%w: negative time", ErrConfig)
	}
	c := &Crowd{cfg: cfg}
	cfg.Participant.setEpoch()
	for i := range cfg.N {
		one := cfg.Participant
		one.Index += i
		one.ID, one.Name, one.Color, one.Tone = "", "", nil, 0
		if len(cfg.Codecs) > 0 {
			one.Video = cfg.Codecs[i%len(cfg.Codecs)]
		}
		if i < len(cfg.Names) {
			one.Name = cfg.Names[i]
		}
		p, err := cfg.participant(one)
		if err != nil {
			return nil, fmt.Errorf("participant %d: %w", one.Index, err)
		}
		c.members = append(c.members, p)
	}
	return c, nil
}

// participant makes one, with a token of its own if there is who signs it.
func (c *CrowdConfig) participant(one Config) (*Participant, error) {
	if c.Sign == nil {
		return New(one)
	}
	one.setDefaults()
	var err error
	if one.Token, err = c.Sign(one.ID, one.Name); err != nil {
		return nil, err
	}
	return New(one)
}

// Participants returns the participants in the order of their indices, in the
// call or not.
func (c *Crowd) Participants() []*Participant { return append([]*Participant(nil), c.members...) }

// Run lets everybody join, stay, leave and come back until ctx ends, and returns
// when all have left. A participant that fails stays away; Run goes on with the
// others and returns all errors.
func (c *Crowd) Run(ctx context.Context) error {
	errs := make([]error, len(c.members))
	var all sync.WaitGroup
	for i, p := range c.members {
		all.Go(func() {
			if err := c.attend(ctx, p, time.Duration(i)*c.cfg.Stagger); err != nil {
				errs[i] = fmt.Errorf("%s: %w", p.cfg.ID, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// attend is the course of one participant.
func (c *Crowd) attend(ctx context.Context, p *Participant, delay time.Duration) error {
	rng := rand.New(rand.NewPCG(uint64(p.cfg.Index), 1)) // the same in each run
	for sleep(ctx, delay) {
		if err := p.runFor(ctx, about(rng, c.cfg.Stay)); err != nil {
			return err
		}
		delay = about(rng, c.cfg.Away)
	}
	return nil
}

// runFor is Run with a limit, where zero means none.
func (p *Participant) runFor(ctx context.Context, limit time.Duration) error {
	if limit > 0 {
		var leave context.CancelFunc
		ctx, leave = context.WithTimeout(ctx, limit)
		defer leave()
	}
	return p.Run(ctx)
}

// about returns d give or take a quarter.
func about(rng *rand.Rand, d time.Duration) time.Duration {
	return d*3/4 + time.Duration(rng.Int64N(int64(d/2)+1))
}

// sleep reports false if ctx ended before or during it.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return ctx.Err() == nil
}
