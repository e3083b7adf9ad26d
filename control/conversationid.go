package control

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxConversationID = 1024 // bytes

// canonicalID checks a conversation id and returns the one form of it that the
// engine knows: the URL, where the id is Base64 of one, else the id itself.
func canonicalID(id string) (string, error) {
	if id == "" || len(id) > maxConversationID || !isText(id) {
		return "", fmt.Errorf("a conversation id is 1 to %d bytes of UTF-8 without control characters", maxConversationID)
	}
	if u, ok := decodeURL(id); ok {
		return u, nil
	}
	return id, nil
}

// decodeURL decodes Base64 (RFC 4648, sections 4 and 5, with or without padding)
// of an absolute URL with a host.
func decodeURL(id string) (string, bool) {
	id = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(id, "="))
	b, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil || !isText(string(b)) {
		return "", false
	}
	u, err := url.Parse(string(b))
	if err != nil || u.Scheme == "" || u.Host == "" {
		return "", false
	}
	return string(b), true
}

// callIDOf is what events call a conversation: an id that clients can name it
// by, and that has no slashes where it is a URL.
func callIDOf(canonical string) string {
	encoded := base64.RawURLEncoding.EncodeToString([]byte(canonical))
	if _, isURL := decodeURL(encoded); isURL {
		return encoded
	}
	return canonical
}

func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
