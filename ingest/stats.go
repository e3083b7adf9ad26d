package ingest

// Stats counts what a [Receiver] saw since it was made. [Receiver.Reset] does
// not clear it.
type Stats struct {
	Packets   uint64 // pushed, all of them
	Bytes     uint64 // of their payloads
	Padding   uint64 // packets without payload: bandwidth probes
	Unlisted  uint64 // packets of payload types that are not the track's
	Lost      uint64 // packets that were waited for and given up
	Gaps      uint64 // runs of lost packets
	Late      uint64 // packets that came after they had been given up
	Duplicate uint64 // packets that had come before
	Stray     uint64 // packets that fit neither the stream nor a new one
	Recovered uint64 // packets that came only in the redundancy of others: by RED or FEC
	Asked     uint64 // missing packets that were to be asked for again, however often
	Repaired  uint64 // of them, packets that came then
	Malformed uint64 // payloads and access units that break their format in themselves

	Units         uint64 // handed out
	KeyFrames     uint64 // key frames, handed out or left out by [Receiver.Idle]
	FramesDropped uint64 // access units that were incomplete or depended on missing ones
	Reduced       uint64 // access units handed out without layers of which that is true
	Unwanted      uint64 // frames of layers that are not wanted, or wait for a switching point, or left out by Idle
	Freezes       uint64 // times that a running video had to wait for a key frame

	Resyncs     uint64 // jumps in the sequence numbers, including those below
	SSRCChanges uint64 // changes of the SSRC in mid-stream
}
