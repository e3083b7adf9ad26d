package events

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// perQueue is how many requests to one endpoint are under way at once.
const perQueue = 4

// outbox makes each delivery's attempts when they are due. A slow endpoint
// holds up nobody but itself.
type outbox struct {
	// attempt makes one, and reports whether there must be another.
	attempt func(context.Context, *item) (again bool)

	ctx    context.Context // ends with the outbox
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	queues map[string]*queue
}

// queue holds the deliveries to one endpoint.
type queue struct {
	waiting items
	busy    map[string]time.Time // when what is under way was published, by key
	held    bool                 // nothing is sent for now
	timer   *time.Timer
}

func newOutbox(attempt func(context.Context, *item) bool) *outbox {
	o := &outbox{attempt: attempt, queues: make(map[string]*queue)}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	return o
}

// queue returns a queue; o.mu is held.
func (o *outbox) queue(name string) *queue {
	q := o.queues[name]
	if q == nil {
		q = &queue{busy: make(map[string]time.Time)}
		o.queues[name] = q
	}
	return q
}

// add queues a delivery.
func (o *outbox) add(it item) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.queue(it.queue())
	heap.Push(&q.waiting, it)
	o.wake(q)
}

// hold stops sending to an endpoint, or goes on.
func (o *outbox) hold(name string, held bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.queue(name)
	q.held = held
	o.wake(q)
}

// drop forgets what waits for an endpoint and returns it.
func (o *outbox) drop(name string) items {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.queue(name)
	waiting := q.waiting
	q.waiting = nil
	o.wake(q)
	return waiting
}

// wake begins what is due, and sees to it that the rest is when it is due; o.mu
// is held.
func (o *outbox) wake(q *queue) {
	if q.timer != nil {
		q.timer.Stop()
		q.timer = nil
	}
	now := time.Now()
	for !o.closed && !q.held && len(q.waiting) > 0 && len(q.busy) < perQueue {
		if wait := q.waiting[0].Next.Sub(now); wait > 0 {
			q.timer = time.AfterFunc(wait, func() { o.due(q) })
			return
		}
		it := heap.Pop(&q.waiting).(item)
		q.busy[it.key()] = it.Published
		o.wg.Go(func() { o.run(q, it) })
	}
}

func (o *outbox) due(q *queue) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wake(q)
}

func (o *outbox) run(q *queue, it item) {
	again := o.attempt(o.ctx, &it)
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(q.busy, it.key())
	if again {
		heap.Push(&q.waiting, it)
	}
	o.wake(q)
}

// after does something later, unless the outbox is closed by then.
func (o *outbox) after(wait time.Duration, do func(context.Context)) *time.Timer {
	return time.AfterFunc(wait, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if !o.closed {
			o.wg.Go(func() { do(o.ctx) })
		}
	})
}

// pending counts what waits and is under way, of one endpoint, and says when the
// oldest of it was published.
func (o *outbox) pending(name string) (n int, oldest time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if q := o.queues[name]; q != nil {
		n, oldest = q.pending()
	}
	return n, oldest
}

// all is pending for all endpoints.
func (o *outbox) all() (n int, oldest time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, q := range o.queues {
		m, first := q.pending()
		n += m
		oldest = earlier(oldest, first)
	}
	return n, oldest
}

func (q *queue) pending() (n int, oldest time.Time) {
	for _, it := range q.waiting {
		oldest = earlier(oldest, it.Published)
	}
	for _, published := range q.busy {
		oldest = earlier(oldest, published)
	}
	return len(q.waiting) + len(q.busy), oldest
}

// earlier returns the earlier of two times, of which the zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// close ends all requests. What was not delivered is in the table.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	for _, q := range o.queues {
		o.wake(q) // stops its timer
	}
	o.mu.Unlock()
	o.cancel()
	o.wg.Wait()
}
