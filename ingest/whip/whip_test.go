package whip_test

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/pion/webrtc/v4"
)

const ann = "/whip/room?participant=ann&name=Ann"

func TestPublish(t *testing.T) {
	ended := make(chan error, 1)
	f := serve(t, func(c *whip.Config) {
		c.Hooks.Ended = func(_ whip.SessionInfo, reason error) { ended <- reason }
	})
	p := newPublisher(t, f)
	tracks := slices.Concat(p.add(opus), p.add(vp8))
	p.publish(ann, p.offer(true, nil))
	p.send(tracks...)

	f.sink.wait(t, "media and reports on two tracks", func() bool {
		open := f.sink.open(10)
		return len(open) == 2 && len(open[0].reports) > 0 && len(open[1].reports) > 0
	})
	checkTracks(t, f.sink)
	requestKeyFrame(t, f, p)

	sessions := f.Sessions()
	if len(sessions) != 1 {
		t.Fatalf("%d sessions", len(sessions))
	}
	if s := sessions[0]; s.State != whip.StateConnected || s.Sections != 2 || s.Tracks != 2 ||
		s.Conversation != "room" || s.Participant.Name != "Ann" || s.Role != ingest.Camera {
		t.Errorf("session %+v", s)
	}
	if res := f.do(t, http.MethodDelete, p.location, ""); res.StatusCode != http.StatusOK {
		t.Errorf("DELETE: %s", res.Status)
	}
	f.sink.wait(t, "an empty roster", func() bool { return len(f.sink.roster) == 0 && len(f.sink.open(0)) == 0 })
	if reason := <-ended; !errors.Is(reason, whip.ErrDeleted) {
		t.Errorf("ended because of %v", reason)
	}
	if res := f.do(t, http.MethodDelete, p.location, ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("second DELETE: %s", res.Status)
	}
}

func checkTracks(t *testing.T, s *fakeSink) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.roster["ann"] != 1 {
		t.Errorf("roster %v", s.roster)
	}
	for _, track := range s.tracks {
		want := ingest.TrackInfo{ID: "camera/audio/0", MimeType: webrtc.MimeTypeOpus, ClockRate: 48000}
		if track.info.RequestKeyFrame != nil {
			want = ingest.TrackInfo{ID: "camera/video/1", MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}
		}
		got := track.info
		if got.ID != want.ID || got.MimeType != want.MimeType || got.ClockRate != want.ClockRate || got.RID != "" ||
			got.Participant != (ingest.Participant{ID: "ann", Name: "Ann"}) {
			t.Errorf("track %+v", got)
		}
		for i, p := range track.packets {
			if p.SSRC != got.SSRC || len(p.Payload) != 8 || i > 0 && p.SequenceNumber == track.packets[i-1].SequenceNumber {
				t.Errorf("%s: packet %d is %v", got.ID, i, p)
			}
		}
		for _, r := range track.reports {
			if r.SSRC != got.SSRC {
				t.Errorf("%s: report of SSRC %d", got.ID, r.SSRC)
			}
		}
	}
}

func requestKeyFrame(t *testing.T, f *fixture, p *publisher) {
	t.Helper()
	f.sink.mu.Lock()
	defer f.sink.mu.Unlock()
	for _, track := range f.sink.tracks {
		if track.info.RequestKeyFrame == nil {
			continue
		}
		track.info.RequestKeyFrame()
		if got := <-p.keyFrame; got != track.info.SSRC {
			t.Errorf("key frame asked of SSRC %d, want %d", got, track.info.SSRC)
		}
	}
}

func TestSimulcast(t *testing.T) {
	f := serve(t, nil)
	p := newPublisher(t, f)
	tracks := p.add(vp8, "q", "h", "f")
	p.publish(ann, p.offer(true, nil))
	p.send(tracks...)
	f.sink.wait(t, "media on three layers", func() bool { return len(f.sink.open(10)) == 3 })

	f.sink.mu.Lock()
	defer f.sink.mu.Unlock()
	var rids []string
	for _, track := range f.sink.tracks {
		rids = append(rids, track.info.RID)
		if track.info.ID != "camera/video/0" || track.info.MimeType != webrtc.MimeTypeVP8 {
			t.Errorf("track %+v", track.info)
		}
	}
	slices.Sort(rids)
	if !slices.Equal(rids, []string{"f", "h", "q"}) {
		t.Errorf("layers %q", rids)
	}
}

func TestTrickle(t *testing.T) {
	f := serve(t, nil)
	p := newPublisher(t, f)
	tracks := p.add(vp8)
	p.publish(ann, p.offer(false, nil))

	stale := f.do(t, http.MethodPatch, p.location, p.fragment(),
		"Content-Type", "application/trickle-ice-sdpfrag", "If-Match", `"other"`)
	if stale.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("PATCH with another ETag: %s", stale.Status)
	}
	res := f.do(t, http.MethodPatch, p.location, p.fragment(),
		"Content-Type", "application/trickle-ice-sdpfrag", "If-Match", p.etag)
	if res.StatusCode != http.StatusNoContent || res.body != "" {
		t.Fatalf("PATCH: %s: %s", res.Status, res.body)
	}
	p.send(tracks...)
	f.sink.wait(t, "media", func() bool { return len(f.sink.open(10)) == 1 })
}

var iceLine = regexp.MustCompile(`(?m)^a=(ice-ufrag|ice-pwd|candidate|mid|end-of-candidates).*$`)

// fragment returns what a client trickles of its local description.
func (p *publisher) fragment() string {
	return "m=audio 9 RTP/AVP 0\r\n" + strings.Join(iceLine.FindAllString(p.LocalDescription().SDP, -1), "\n")
}

func TestICERestart(t *testing.T) {
	f := serve(t, nil)
	p := newPublisher(t, f)
	tracks := slices.Concat(p.add(opus), p.add(vp8, "q", "h"))
	p.publish(ann, p.offer(true, nil))
	p.send(tracks...)
	f.sink.wait(t, "media", func() bool { return len(f.sink.open(10)) == 3 })
	answer := p.RemoteDescription().SDP

	p.offer(true, &webrtc.OfferOptions{ICERestart: true})
	res := f.do(t, http.MethodPatch, p.location, p.fragment(),
		"Content-Type", "application/trickle-ice-sdpfrag", "If-Match", "*")
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/trickle-ice-sdpfrag" {
		t.Fatalf("PATCH: %s: %s", res.Status, res.body)
	}
	if tag := res.Header.Get("ETag"); tag == "" || tag == p.etag {
		t.Errorf("ETag %s after %s", tag, p.etag)
	}
	p.answer(mergeICE(t, answer, res.body))

	var before int
	f.sink.mu.Lock()
	for _, track := range f.sink.tracks {
		before += len(track.packets)
	}
	f.sink.mu.Unlock()
	f.sink.wait(t, "media after the restart", func() bool {
		after := 0
		for _, track := range f.sink.open(1) {
			after += len(track.packets)
		}
		return len(f.sink.open(1)) == 3 && after > before+300
	})
	if n := len(f.sink.tracks); n != 3 {
		t.Errorf("%d tracks were announced", n)
	}
	if f.sink.joins != 1 {
		t.Errorf("joined %d times", f.sink.joins)
	}
}

// mergeICE puts the credentials and candidates of a fragment into an answer.
func mergeICE(t *testing.T, answer, fragment string) string {
	t.Helper()
	var candidates []string
	for _, line := range iceLine.FindAllString(fragment, -1) {
		switch key, _, _ := strings.Cut(strings.TrimSpace(line), ":"); key {
		case "a=candidate", "a=end-of-candidates":
			candidates = append(candidates, strings.TrimSpace(line))
		case "a=ice-ufrag", "a=ice-pwd":
			old := regexp.MustCompile("(?m)^" + key + ":.*$")
			if old.FindString(answer) == strings.TrimSpace(line)+"\r" {
				t.Errorf("%s is the same as before", key)
			}
			answer = old.ReplaceAllLiteralString(answer, strings.TrimSpace(line)+"\r")
		}
	}
	if len(candidates) < 2 {
		t.Errorf("no candidates in %q", fragment)
	}
	answer = regexp.MustCompile(`(?m)^a=(candidate|end-of-candidates).*\r?\n`).ReplaceAllLiteralString(answer, "")
	first := strings.Index(answer, "a=mid:")
	return answer[:first] + strings.Join(candidates, "\r\n") + "\r\n" + answer[first:]
}

func TestReconnectTakesOver(t *testing.T) {
	ended := make(chan error, 4)
	f := serve(t, func(c *whip.Config) {
		c.MaxSessions = 2
		c.Hooks.Ended = func(_ whip.SessionInfo, reason error) { ended <- reason }
	})
	first := newPublisher(t, f)
	first.send(first.add(vp8)...)
	first.publish(ann, first.offer(true, nil))
	f.sink.wait(t, "media", func() bool { return len(f.sink.open(10)) == 1 })

	screen := newPublisher(t, f)
	screen.add(vp8)
	screen.publish(ann+"&role=screen", screen.offer(true, nil))
	f.sink.wait(t, "a screen", func() bool { return f.sink.roster["ann"] == 2 })

	second := newPublisher(t, f)
	second.send(second.add(vp8)...)
	second.publish(ann, second.offer(true, nil))
	if reason := <-ended; !errors.Is(reason, whip.ErrReplaced) {
		t.Errorf("ended because of %v", reason)
	}
	f.sink.wait(t, "the second session's track alone", func() bool {
		open := f.sink.open(10)
		return len(open) == 1 && open[0] == f.sink.tracks[1] && f.sink.roster["ann"] == 2
	})
	if n := len(f.Sessions()); n != 2 {
		t.Errorf("%d sessions", n)
	}
}

func TestLostConnectionEnds(t *testing.T) {
	for name, connect := range map[string]bool{"never there": false, "later gone": true} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan error, 1)
			f := serve(t, func(c *whip.Config) {
				c.DisconnectAfter, c.DisconnectGrace = 500*time.Millisecond, 500*time.Millisecond
				c.Hooks.Ended = func(_ whip.SessionInfo, reason error) { ended <- reason }
			})
			p := newPublisher(t, f)
			p.send(p.add(vp8)...)
			offer := p.offer(true, nil)
			if connect {
				p.publish(ann, offer)
				f.sink.wait(t, "media", func() bool { return len(f.sink.open(10)) == 1 })
				if err := p.SCTP().Transport().ICETransport().Stop(); err != nil {
					t.Error(err)
				}
			} else if res := f.do(t, http.MethodPost, ann, offer, "Content-Type", "application/sdp"); res.StatusCode != http.StatusCreated {
				t.Fatal(res.Status)
			}
			if reason := <-ended; !errors.Is(reason, whip.ErrLost) {
				t.Errorf("ended because of %v", reason)
			}
			if joined := f.sink.joins == 1; joined != connect || len(f.sink.roster) != 0 {
				t.Errorf("%d joins, roster %v", f.sink.joins, f.sink.roster)
			}
		})
	}
}

func TestHangUpEnds(t *testing.T) {
	ended := make(chan error, 1)
	f := serve(t, func(c *whip.Config) {
		c.Hooks.Ended = func(_ whip.SessionInfo, reason error) { ended <- reason }
	})
	p := newPublisher(t, f)
	tracks := p.add(vp8)
	p.publish(ann, p.offer(true, nil))
	p.send(tracks...)
	f.sink.wait(t, "media", func() bool { return len(f.sink.open(1)) == 1 })
	p.close()
	if reason := <-ended; !errors.Is(reason, whip.ErrHungUp) {
		t.Errorf("ended because of %v", reason)
	}
}

func TestRefusedJoinEnds(t *testing.T) {
	full, ended := errors.New("full"), make(chan error, 1)
	f := serve(t, func(c *whip.Config) {
		c.Hooks.Ended = func(_ whip.SessionInfo, reason error) { ended <- reason }
	})
	f.sink.joinErr = full
	p := newPublisher(t, f)
	p.add(vp8)
	p.publish(ann, p.offer(true, nil))
	if reason := <-ended; !errors.Is(reason, full) {
		t.Errorf("ended because of %v", reason)
	}
}

func TestSharedSockets(t *testing.T) {
	for name, network := range map[string]webrtc.NetworkType{"udp": webrtc.NetworkTypeUDP4, "tcp": webrtc.NetworkTypeTCP4} {
		t.Run(name, func(t *testing.T) {
			var port int
			f := serve(t, func(c *whip.Config) {
				udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
				if err != nil {
					t.Fatal(err)
				}
				tcp, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
				if err != nil {
					t.Fatal(err)
				}
				c.UDP, c.TCP = udp, tcp
				port = udp.LocalAddr().(*net.UDPAddr).Port
				if network == webrtc.NetworkTypeTCP4 {
					port = tcp.Addr().(*net.TCPAddr).Port
				}
			})
			p := newPublisher(t, f, network)
			tracks := p.add(vp8)
			p.publish(ann, p.offer(true, nil))
			p.send(tracks...)
			f.sink.wait(t, "media", func() bool { return len(f.sink.open(10)) == 1 })
			pair, err := p.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
			if err != nil || int(pair.Remote.Port) != port {
				t.Errorf("pair %v, %v; want port %d", pair, err, port)
			}
		})
	}
}

func TestPublicIP(t *testing.T) {
	f := serve(t, func(c *whip.Config) { c.PublicIPs = []string{"192.0.2.7"} })
	p := newPublisher(t, f)
	p.add(opus)
	p.publish(ann, p.offer(true, nil))
	candidates := regexp.MustCompile(`(?m)^a=candidate.*$`).FindAllString(p.RemoteDescription().SDP, -1)
	if len(candidates) == 0 {
		t.Error("no candidates")
	}
	for _, c := range candidates {
		if !strings.Contains(c, " 192.0.2.7 ") {
			t.Errorf("candidate %s", c)
		}
	}
}

func TestOpaqueIDs(t *testing.T) {
	for _, id := range []string{"a/b", "..", "../../etc/passwd", "19:meeting_x@thread.v2", "ä%41 ?#", "."} {
		t.Run(url.PathEscape(id), func(t *testing.T) {
			f := serve(t, nil)
			p := newPublisher(t, f)
			p.add(opus)
			escaped := strings.ReplaceAll(url.PathEscape(id), ".", "%2E")
			p.publish("/whip/"+escaped+"?participant="+url.QueryEscape(id), p.offer(true, nil))
			if s := f.Sessions(); len(s) != 1 || s[0].Conversation != id || s[0].Participant.ID != id {
				t.Errorf("sessions %+v", s)
			}
			if res := f.do(t, http.MethodDelete, p.location, ""); res.StatusCode != http.StatusOK {
				t.Errorf("DELETE %s: %s", p.location, res.Status)
			}
		})
	}
}
