package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/internal/inspect"
)

// inspectCmd looks into a file.
type inspectCmd struct {
	File string `arg:"" help:"MP4 file."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run prints what is in the file. That it is broken is an error.
func (c *inspectCmd) Run(con console) (err error) {
	f, err := os.Open(c.File)
	if err != nil {
		return fault.Caller.Wrap(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	report, err := inspect.File(f, st.Size())
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if err := c.print(con.out, report); err != nil {
		return err
	}
	if report.Broken() {
		return fmt.Errorf("%s is broken", c.File)
	}
	return nil
}

func (c *inspectCmd) print(w io.Writer, report inspect.Report) error {
	if !c.JSON {
		return report.WriteText(w)
	}
	return printJSON(w, report)
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
