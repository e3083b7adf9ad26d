// Package bench measures what recording a call costs: processor, memory, bytes,
// and what is left of the picture. It makes calls of real footage and speech,
// records them with the code that production runs, and does the same with other
// recorders that a script starts, and with nothing but the codecs (the floor).
//
// It judges nothing: results are figures, to be compared with others of the same
// machine. See README.md for how to use it and for the contract of peers.
package bench
