package callreel

import "github.com/google/uuid"

// newID returns a random id that sorts by time (UUID version 7, RFC 9562).
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// validID accepts what is safe as a file name and in a URL.
func validID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, r := range id {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return true
}
