package e2e

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/callreel/callreel/client"
)

var (
	chaosKills = flag.Int("chaos.kills", 12, "how often TestChaos kills")
	chaosSeed  = flag.Uint64("chaos.seed", 0, "what TestChaos's chances follow from; 0: any")
	chaosServe = flag.String("chaos.serve", "", "flags of the server that TestChaos kills, as to see that it finds out")
)

// What is promised whenever a process is killed.
const (
	// chaosLoss is how much of what a recording said that it had recorded is not
	// in its files at most.
	chaosLoss = 2 * time.Second
	// chaosResume is how long after a kill a recording goes on at most.
	chaosResume = 5 * time.Second
	// chaosPatience is for how long a request is repeated while there is no server.
	chaosPatience = time.Minute
)

const (
	chaosCalls  = 3
	chaosGuests = 2 // in each call
)

// chaos is a server that is killed again and again while it records, those who
// use it meanwhile, and what they have seen.
type chaos struct {
	t     *testing.T
	prey  *prey
	api   *client.Client
	hook  *chaosHook
	token string

	mu         sync.Mutex
	last       map[string]sample // the last of each recording
	kills      []kill
	recordings []*chaosRecording
	guests     []*chaosGuest
	calls      []*chaosCall
}

// sample is what a running recording said of itself.
type sample struct {
	at       time.Time // of the answer
	state    string
	position time.Duration
}

// kill is the end of a process.
type kill struct {
	at     time.Time
	what   string
	signal syscall.Signal
	last   map[string]sample // what recordings had said until then
}

// Processes are killed at random instants, while calls are recorded, and what was
// promised holds: see docs/reliability.md. The table is printed by `make chaos`.
func TestChaos(t *testing.T) {
	seed := *chaosSeed
	for seed == 0 {
		seed = rand.Uint64() >> 32
	}
	t.Logf("again with -chaos.kills %d -chaos.seed %d", *chaosKills, seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	c := &chaos{t: t, last: make(map[string]sample), hook: newChaosHook(t, rng.Uint64())}
	c.prey = newPrey(t, strings.Fields(*chaosServe)...)
	c.prey.start()
	c.connect()
	playing, over := context.WithCancel(t.Context())
	defer over()
	var people, directors sync.WaitGroup
	for i := range chaosCalls {
		call := &chaosCall{chaos: c, id: fmt.Sprintf("chaos-%d", i), now: make(chan struct{}, 1)}
		c.calls = append(c.calls, call)
		for j := range chaosGuests {
			g := &chaosGuest{chaos: c, call: call.id, index: i*chaosGuests + j}
			c.guests = append(c.guests, g)
			people.Go(func() { g.attend(playing) })
		}
	}
	people.Go(func() { c.watch(playing) })
	killing, killed := context.WithCancel(t.Context())
	for _, call := range c.calls {
		chance := rand.New(rand.NewPCG(seed, rng.Uint64()))
		directors.Go(func() { call.direct(killing, chance) })
	}
	c.hunt(rng)
	killed()
	directors.Wait()
	over()
	people.Wait()
	c.judge(seed)
}

// connect makes the client and subscribes to events.
func (c *chaos) connect() {
	<-c.prey.ready
	c.token = strings.TrimSpace(callreel(c.t, "token", "--scope", "control,read", "--ttl", "24h", "--data", c.prey.data))
	var err error
	c.api, err = client.New(client.Config{Endpoint: c.prey.url, Token: c.token})
	must(c.t, err)
	_, err = c.api.PutSubscription(c.t.Context(), "chaos", client.SubscriptionConfig{Endpoint: c.hook.URL})
	must(c.t, err)
}

// hunt kills as often as it should, and leaves a server that runs.
func (c *chaos) hunt(rng *rand.Rand) {
	pass(c.t, 5*time.Second) // everybody is there
	for n := range *chaosKills {
		if rng.IntN(6) > 0 {
			<-c.prey.ready // else it is killed while it puts things in order
		}
		longest := [...]time.Duration{700 * time.Millisecond, 5 * time.Second, 5 * time.Second, 10 * time.Second}
		c.prey.lives(time.Duration(rng.Int64N(int64(longest[rng.IntN(len(longest))]))))
		c.kill(rng)
		if rng.IntN(3) == 0 { // a stop meets a server that is away, or back just now
			select {
			case c.calls[n%chaosCalls].now <- struct{}{}:
			default:
			}
		}
	}
	<-c.prey.ready
	pass(c.t, 4*time.Second) // the last kill is survived by more than an instant
}

// kill kills one process, or all of them.
func (c *chaos) kill(rng *rand.Rand) {
	signal := syscall.SIGKILL
	switch rng.IntN(10) {
	case 0, 1:
		signal = syscall.SIGSEGV
	case 2:
		signal = syscall.SIGTERM
	}
	workers := c.prey.workers()
	choice := rng.IntN(10)
	at := rng.IntN(max(1, len(workers)))
	c.mu.Lock()
	k := kill{at: time.Now(), what: "server", signal: signal, last: make(map[string]sample)}
	for id, s := range c.last {
		if s.at.After(k.at.Add(-chaosPatience)) {
			k.last[id] = s
		}
	}
	switch {
	case len(workers) == 0 || choice < 4:
		c.kills = append(c.kills, k)
		c.mu.Unlock()
		c.prey.kill(signal)
	case choice < 8:
		k.what = "worker"
		if signal == syscall.SIGTERM { // which nobody sends to a worker
			k.signal = syscall.SIGKILL
		}
		c.kills = append(c.kills, k)
		c.mu.Unlock()
		_ = syscall.Kill(workers[at], k.signal) // it may have ended
	default:
		k.what, k.signal = "all", syscall.SIGKILL
		c.kills = append(c.kills, k)
		c.mu.Unlock()
		for _, pid := range workers {
			_ = syscall.Kill(pid, k.signal)
		}
		c.prey.kill(k.signal)
	}
}

// watch notes what running recordings say of themselves.
func (c *chaos) watch(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		running, err := c.running(ctx)
		if err != nil {
			continue // there is no server
		}
		c.mu.Lock()
		for _, r := range running {
			c.last[r.ID] = sample{time.Now(), r.State, time.Duration(r.DurationMs) * time.Millisecond}
		}
		c.mu.Unlock()
	}
}
