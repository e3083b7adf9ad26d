package bench

import (
	"cmp"
	"slices"
	"time"
)

// Run is a set of measurements that were made one after the other on one machine.
type Run struct {
	Time      time.Time         `json:"time"`
	Commit    string            `json:"commit"` // of callreel; ends with + if files were changed
	Machine   Machine           `json:"machine"`
	Libraries map[string]string `json:"libraries"` // versions by name
	// Load is how many processes wanted a processor when the run began, on average
	// over a minute: figures are only as good as the machine was idle.
	Load float64 `json:"load"`
	// PageFault is how long a page of memory takes that is used for the first time.
	PageFault    time.Duration `json:"pageFaultNs,omitempty"`
	Measurements []Measurement `json:"measurements"`
	Capacities   []Capacity    `json:"capacities,omitempty"`
	Ending       Ending        `json:"ending,omitzero"`
	Sweeps       []Swept       `json:"sweeps,omitempty"`
}

// Machine is what measured. Figures of different machines can't be compared.
type Machine struct {
	CPU    string  `json:"cpu"`
	Cores  float64 `json:"cores"`
	Kernel string  `json:"kernel"`
	Memory int64   `json:"memoryBytes"`
}

// Measurement is what a subject did with a scenario, several times.
type Measurement struct {
	Scenario Scenario `json:"scenario"`
	// Subject is who recorded: callreel, floor, or a peer.
	Subject string   `json:"subject"`
	Samples []Sample `json:"samples"`
	// Quality is the same each time, and so is measured once.
	Quality Quality `json:"quality"`
	// Err says why there is no result.
	Err string `json:"error,omitempty"`
}

// stageThreads is what other threads than the one that records use: Go's
// scheduler and memory, whoever stores files, and in real time the network.
const stageThreads = "other threads"

// Sample is one process that recorded the call.
type Sample struct {
	// Seconds is how much was recorded; all else that is per second is of these.
	Seconds float64 `json:"seconds"`
	// Cores is CPU seconds per recorded second, of all processes of the subject.
	// Reading the capture is not in it.
	Cores float64 `json:"cores"`
	// Stages is how Cores is made up, where that is known.
	Stages map[string]float64 `json:"stages,omitempty"`
	// Wall is how long it took, in seconds per recorded second.
	Wall float64 `json:"wall"`
	// PeakRSS is the most memory that it had at a time, in bytes.
	PeakRSS int64 `json:"peakRSSBytes"`
	// FileRSS is how much of it is the binary and libraries, which all processes
	// that run them share; zero if it is not known.
	FileRSS int64 `json:"fileRSSBytes,omitempty"`
	// Lateness is by how much 95 % of the frames were late at most, and LateTicks
	// how many were by more than a frame, in real time.
	Lateness  time.Duration `json:"p95LatenessNs,omitempty"`
	LateTicks int64         `json:"lateTicks,omitempty"`
	// Unseen is for how long, at most, a camera whose packets came had no picture
	// yet, and Stopping how long it took from the stop to the files in the store,
	// in real time.
	Unseen   time.Duration `json:"unseenNs,omitempty"`
	Stopping time.Duration `json:"stoppingNs,omitempty"`
}

// Quality is what came out, and what can be counted exactly.
type Quality struct {
	// Bytes of the file, and BitRate of all of it in bit/s.
	Bytes   int64   `json:"bytes"`
	BitRate float64 `json:"bitRate"`
	// SSIM of luma against the composition before it was encoded; zero if it is
	// not known.
	SSIM   float64 `json:"ssim,omitempty"`
	Frames int64   `json:"frames"`
	// Repeated counts the frames in which nothing had changed.
	Repeated int64 `json:"repeatedFrames,omitempty"`
	// Packets and Pictures that came, and Decoded pictures.
	Packets  uint64 `json:"packets,omitempty"`
	Pictures uint64 `json:"pictures,omitempty"`
	Decoded  uint64 `json:"decoded,omitempty"`
	Sounds   uint64 `json:"sounds,omitempty"` // decoded packets of sound
	// AllocsPerFrame is how often something of Go's memory was allocated for a
	// composed frame, once the call runs, packets included: the median. MeanAllocs
	// and MeanAllocBytes are the means, with what is done every few seconds.
	AllocsPerFrame float64 `json:"allocsPerFrame,omitempty"`
	MeanAllocs     float64 `json:"meanAllocsPerFrame,omitempty"`
	MeanAllocBytes float64 `json:"meanAllocBytesPerFrame,omitempty"`
}

// Add takes what a later run on the same machine measured into this one. Samples of
// the same scenario and subject are taken together in order, so that rounds stay
// rounds for all subjects that the earlier runs have too.
func (r *Run) Add(later Run) {
	for _, m := range later.Measurements {
		if i := r.index(m.Scenario, m.Subject); i >= 0 {
			r.Measurements[i].Samples = append(r.Measurements[i].Samples, m.Samples...)
		} else {
			r.Measurements = append(r.Measurements, m)
		}
	}
	r.Capacities = append(r.Capacities, later.Capacities...)
	r.Time, r.Commit, r.Machine, r.Libraries, r.PageFault = later.Time, later.Commit, later.Machine, later.Libraries, later.PageFault
	r.Load = max(r.Load, later.Load)
	if later.Ending.Bytes > 0 {
		r.Ending = later.Ending
	}
}

// index returns where the measurement is that did not fail; -1: there is none.
func (r Run) index(s Scenario, subject string) int {
	return slices.IndexFunc(r.Measurements, func(m Measurement) bool {
		return m.Scenario == s && m.Subject == subject && m.Err == "" && len(m.Samples) > 0
	})
}

// Median returns the sample whose figures are the medians, each for itself.
func (m Measurement) Median() Sample {
	if len(m.Samples) == 0 {
		return Sample{}
	}
	med := func(get func(Sample) float64) float64 { return median(m.Samples, get) }
	s := Sample{
		Seconds:   med(func(s Sample) float64 { return s.Seconds }),
		Cores:     med(func(s Sample) float64 { return s.Cores }),
		Wall:      med(func(s Sample) float64 { return s.Wall }),
		PeakRSS:   int64(med(func(s Sample) float64 { return float64(s.PeakRSS) })),
		FileRSS:   int64(med(func(s Sample) float64 { return float64(s.FileRSS) })),
		Lateness:  time.Duration(med(func(s Sample) float64 { return float64(s.Lateness) })),
		LateTicks: int64(med(func(s Sample) float64 { return float64(s.LateTicks) })),
		Unseen:    time.Duration(med(func(s Sample) float64 { return float64(s.Unseen) })),
		Stopping:  time.Duration(med(func(s Sample) float64 { return float64(s.Stopping) })),
	}
	for stage := range m.Samples[0].Stages {
		if s.Stages == nil {
			s.Stages = make(map[string]float64)
		}
		s.Stages[stage] = med(func(s Sample) float64 { return s.Stages[stage] })
	}
	return s
}

// to returns the cores that m took to those of another subject: the median of the
// ratios within a round, so that a machine that becomes slower hits both. It is 0
// without samples.
func (m Measurement) to(other Measurement) float64 {
	ratios := make([]float64, min(len(m.Samples), len(other.Samples)))
	for i := range ratios {
		ratios[i] = m.Samples[i].Cores / other.Samples[i].Cores
	}
	if len(ratios) == 0 {
		return 0
	}
	return median(ratios, func(x float64) float64 { return x })
}

func median[T any](samples []T, get func(T) float64) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = get(s)
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// spread returns the distance from the least to the greatest of cores.
func (m Measurement) spread() float64 {
	if len(m.Samples) == 0 {
		return 0
	}
	by := func(a, b Sample) int { return cmp.Compare(a.Cores, b.Cores) }
	return slices.MaxFunc(m.Samples, by).Cores - slices.MinFunc(m.Samples, by).Cores
}
