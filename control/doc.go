// Package control is callreel's HTTP API: it starts, pauses, resumes and stops
// recordings, tells of them, hands out their files, and takes in the calls, by
// WHIP and by the page in control/page.
//
// One router turns a request into what it asks for: a dialect, a verb, and the
// conversation and recording that it is about. The dialect alone decides about
// the form of bodies, statuses and errors, so that several generations of the
// API of Azure Communication Services can be served by one set of operations.
// They are that of the private preview of April 2021, the seed; those of the
// previews of 2021; and that of the released clients.
//
// The package records nothing itself, keeps no state that must outlive it, and
// sends nothing to anybody: the address for state callbacks is checked and kept,
// but not called yet.
//
// # Conversations
//
// A conversation id is opaque, 1 to 1024 bytes of UTF-8 without control
// characters, with one exception: what is Base64 of a URL with a scheme and a
// host, in the standard or the URL-safe alphabet, padded or not, means the
// conversation of that URL. So a call that was published under its plain URL is
// recorded by clients that encode it, as they have to.
//
// # Who may
//
// Every request but those for the page, the index and the health needs a bearer
// token (RFC 6750) as package token makes them, or a signature with an access
// key; a token that is limited to a conversation is good for nothing else. With
// [Config.TrustLoopback] publishers need none. Who makes too many requests is
// told when to come again ([Config.RateLimit]).
package control
