// Package events tells others what happens: it delivers events to webhooks, in
// the schema of Azure Event Grid or as CloudEvents 1.0, until each has them.
//
// What [Service.Publish] has taken is durable. It is kept in a log for some
// days, and queued once for each subscription; it is delivered at least once,
// always with the same id, on the schedule of Event Grid, and what can't be
// delivered goes to a file of dead letters and can be replayed. Endpoints prove
// first that they want events ([Service.Put]), and addresses that are not
// public are called only where the configuration allows it ([Guard]).
//
// The package does not know when something happens, and answers no requests.
package events
