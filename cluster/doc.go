// Package cluster keeps the state of a server that must outlive it: small
// records in tables, and a log of what was published. It stands on an embedded
// NATS server with JetStream, and is the only package that knows that.
//
// There is one node today, in the process and without a port. What is kept is
// laid out for several: a table's changes are compared and set by revision, a
// key that is taken can't be taken twice, and records say which node they
// belong to ([Node.ID]).
//
// Every write is on disk before it is answered. The package knows nothing of
// recordings or events, and holds no media.
package cluster
