package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/callreel/callreel/cluster"
)

const (
	// maxDead bounds the dead letters that can be replayed. The file has all.
	maxDead = 10000
	// maxDeadFile is the size at which a new file of dead letters is begun; the
	// one before is kept.
	maxDeadFile = 64 << 20 // bytes
)

// deadLetters are deliveries that were given up: in a file, for people and other
// programs, and in a table, to be replayed.
type deadLetters struct {
	file  string
	topic string
	table Table

	mu      sync.Mutex
	targets map[string]string // by key
}

func openDeadLetters(ctx context.Context, cfg Config) (*deadLetters, error) {
	d := &deadLetters{file: cfg.DeadLetterFile, topic: cfg.Topic, table: cfg.Dead, targets: make(map[string]string)}
	for r, err := range d.table.All(ctx) {
		if err != nil {
			return nil, err
		}
		del, err := decodeDelivery(r.Value)
		if err != nil {
			return nil, err
		}
		d.targets[r.Key] = del.Target
	}
	return d, nil
}

// add keeps a delivery that is given up. It may be repeated.
func (d *deadLetters) add(ctx context.Context, del *delivery, sub *Subscription, reason string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, known := d.targets[del.key()]
	if !known && del.Target != "" && len(d.targets) < maxDead {
		_, err := d.table.Create(ctx, del.key(), del.encode())
		if err != nil && !errors.Is(err, cluster.ErrExist) {
			return err
		}
		d.targets[del.key()] = del.Target
	}
	return d.write(del, sub, reason)
}

// gridLetter and cloudLetter are how Event Grid writes dead letters.
type gridLetter struct {
	gridEvent
	Subscription string `json:"subscription,omitempty"`
	Reason       string `json:"deadLetterReason"`
	Attempts     int    `json:"deliveryAttempts"`
	Outcome      string `json:"lastDeliveryOutcome"`
	Published    string `json:"publishTime"`
	Last         string `json:"lastDeliveryAttemptTime,omitempty"`
}

type cloudLetter struct {
	cloudEvent
	Subscription string `json:"subscription,omitempty"`
	Callback     string `json:"callback,omitempty"`
	Reason       string `json:"deadletterreason"`
	Attempts     int    `json:"deliveryattempts"`
	Outcome      string `json:"lastdeliveryoutcome"`
	Published    string `json:"publishtime"`
	Last         string `json:"lastdeliveryattempttime,omitempty"`
}

func (d *deadLetters) letter(del *delivery, sub *Subscription, reason string) any {
	last := ""
	if !del.Last.IsZero() {
		last = del.Last.UTC().Format(timeFormat)
	}
	published := del.Published.UTC().Format(timeFormat)
	if sub != nil && sub.Schema == EventGrid {
		return gridLetter{del.Event.grid(d.topic), del.Target, reason, del.Attempts, del.Outcome, published, last}
	}
	return cloudLetter{
		del.Event.cloud(d.topic, timeFormat), del.Target, WithoutQuery(del.Callback), reason, del.Attempts, del.Outcome, published, last,
	}
}

// write appends a line to the file, durably.
func (d *deadLetters) write(del *delivery, sub *Subscription, reason string) error {
	if d.file == "" {
		return nil
	}
	line, err := json.Marshal(d.letter(del, sub, reason))
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	if st, err := os.Stat(d.file); err == nil && st.Size() > maxDeadFile {
		if err := os.Rename(d.file, d.file+".1"); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(d.file), 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.OpenFile(d.file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// of yields the keys of a subscription's dead letters.
func (d *deadLetters) of(target string) map[string]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	keys := make(map[string]bool)
	for key, t := range d.targets {
		if t == target {
			keys[key] = true
		}
	}
	return keys
}

// take removes a dead letter from the table: it is being replayed.
func (d *deadLetters) take(ctx context.Context, key string) error {
	if err := d.table.Delete(ctx, key); err != nil {
		return err
	}
	d.mu.Lock()
	delete(d.targets, key)
	d.mu.Unlock()
	return nil
}

// forget removes those of a subscription that is deleted.
func (d *deadLetters) forget(ctx context.Context, target string) error {
	var errs []error
	for key := range d.of(target) {
		errs = append(errs, d.take(ctx, key))
	}
	return errors.Join(errs...)
}

// all yields the dead letters of a subscription.
func (d *deadLetters) all(ctx context.Context, target string) ([]*delivery, error) {
	keys := d.of(target)
	var out []*delivery
	for r, err := range d.table.All(ctx) {
		if err != nil {
			return nil, err
		}
		if !keys[r.Key] {
			continue
		}
		del, err := decodeDelivery(r.Value)
		if err != nil {
			return nil, err
		}
		out = append(out, del)
	}
	return out, nil
}
