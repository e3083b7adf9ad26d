package control

// content is the part of the released API that hands out files and deletes
// them. Its clients read status and message from the top of an error's body,
// without regard to what an operation's errors look like; other readers find
// the nested error beside them.
type content struct{ calling }

var _ dialect = content{}

type contentError struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
	nestedError
}

func (content) failure(_ verb, p *problem) (status int, body any) {
	return p.status, contentError{p.status, p.message, nestedError{flat(p)}}
}
