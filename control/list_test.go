package control_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// listed is a page of a list.
type listed struct {
	Recordings []struct{ RecordingID, ConversationID, State string }
	NextCursor string
}

func (p listed) ids(names map[string]string) string {
	var out []string
	for _, r := range p.Recordings {
		out = append(out, names[r.RecordingID])
	}
	return strings.Join(out, " ")
}

func TestListRecordings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		names := map[string]string{}
		begin := time.Now()
		for i := range 5 { // one a minute, which end by themselves when nobody comes
			room := fmt.Sprint("room-", i%2)
			names[r.start(room)] = fmt.Sprint(i)
			time.Sleep(2 * time.Minute)
		}
		names[r.start("room-0")] = "5"
		at := func(minutes int) string {
			return url.QueryEscape(begin.Add(time.Duration(minutes) * time.Minute).Format(time.RFC3339))
		}
		for query, want := range map[string]string{
			"":                                   "5 4 3 2 1 0",
			"conversation=room-1":                "3 1",
			"state=active":                       "5",
			"state=completed":                    "4 3 2 1 0",
			"state=active&state=completed":       "5 4 3 2 1 0",
			"state=failed":                       "",
			"from=" + at(4):                      "5 4 3 2",
			"to=" + at(4):                        "1 0",
			"from=" + at(2) + "&to=" + at(8):     "3 2 1",
			"conversation=room-0&from=" + at(4):  "5 4 2",
			"conversation=" + b64("https://a/b"): "",
		} {
			var p listed
			r.do("GET", "/recordings?"+query, "").json(&p)
			if got := p.ids(names); got != want || p.NextCursor != "" {
				t.Errorf("%s: %s, want %s", query, got, want)
			}
		}
		var pages []string
		for cursor, more := "", true; more; {
			var p listed
			r.do("GET", "/recordings?limit=2&cursor="+cursor, "").json(&p)
			pages = append(pages, p.ids(names))
			cursor, more = p.NextCursor, p.NextCursor != ""
		}
		if got := strings.Join(pages, "|"); got != "5 4|3 2|1 0" {
			t.Errorf("pages %s", got)
		}
		for _, query := range []string{"limit=0", "limit=1001", "limit=x", "state=lost", "from=yesterday", "to=1", "cursor=x", "cursor=eA", "conversation=%00"} {
			if a := r.do("GET", "/recordings?"+query, ""); a.Code != 400 || a.code() != "8523" {
				t.Errorf("%s: %d %s", query, a.Code, a.Body)
			}
		}
	})
}

// What happened, in order, with the places in the file.
func TestTimeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		id := r.start("room")
		path := "/conversations/room/recordings/" + id
		time.Sleep(2 * time.Second)
		r.do("POST", path+"/Pause", "")
		time.Sleep(10 * time.Second)
		r.do("POST", path+"/Resume", "")
		time.Sleep(3 * time.Second)
		r.do("DELETE", path, "")
		var d struct {
			Timeline []struct {
				What       string
				PositionMs int
			}
			DurationMs int
		}
		r.do("GET", "/recordings/"+id, "").json(&d)
		got := ""
		for _, m := range d.Timeline {
			got += fmt.Sprintf("%s %d ", m.What, (m.PositionMs+50)/100)
		}
		if want := "started 0 chunk 0 paused 20 resumed 20 ended 50 "; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}
