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
func (c *inspectCmd) Run(con console) error {
	report, err := inspectFile(c.File)
	if err != nil {
		return err
	}
	if err := c.print(con.out, report); err != nil {
		return err
	}
	if report.Broken() {
		return fmt.Errorf("%s is broken", c.File)
	}
	return nil
}

func inspectFile(name string) (report inspect.Report, err error) {
	f, err := os.Open(name)
	if err != nil {
		return report, fault.Caller.Wrap(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	st, err := f.Stat()
	if err != nil {
		return report, err
	}
	if report, err = inspect.File(f, st.Size()); err != nil {
		return report, fmt.Errorf("%s: %w", name, err)
	}
	return report, nil
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
