package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/callreel/callreel/internal/fault"
)

// keyInterval is how often the files of the keys are looked at, at most.
const keyInterval = 2 * time.Second

// keyPair is the primary and the secondary access key of a server. Each is as
// good, so that clients can be given another one before theirs ends.
type keyPair [2][]byte

// keyFiles are the keys in a data directory, which are read again when they
// change. They are safe for concurrent use.
type keyFiles struct {
	data string
	log  *slog.Logger

	mu      sync.Mutex
	keys    keyPair
	checked time.Time
}

// file returns the name of a file in the data directory.
func (f keyFlags) file(name string) string { return filepath.Join(f.Data, name) }

// openKeys reads the keys of a data directory. Those that are missing are made;
// made reports whether the primary one was.
func openKeys(f keyFlags, log *slog.Logger) (k *keyFiles, made bool, err error) {
	if _, made, err = readOrMake(f.file(accessKeyFile), newAccessKey); err != nil {
		return nil, false, err
	}
	if _, _, err = readOrMake(f.file(secondaryKeyFile), newAccessKey); err != nil {
		return nil, false, err
	}
	k = &keyFiles{data: f.Data, log: log, checked: time.Now()}
	k.keys, err = readKeys(f)
	return k, made, err
}

func readKeys(f keyFlags) (keys keyPair, err error) {
	for i, name := range []string{accessKeyFile, secondaryKeyFile} {
		text, err := os.ReadFile(f.file(name))
		if err == nil {
			keys[i], err = parseAccessKey(string(text))
		}
		if err != nil {
			return keys, fault.Caller.Wrap(fmt.Errorf("%s: %w", name, err))
		}
	}
	return keys, nil
}

// current returns the keys of the moment. While the files can't be used, as
// when they are being written, those that were stay good.
func (k *keyFiles) current() [][]byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); now.Sub(k.checked) >= keyInterval {
		k.checked = now
		keys, err := readKeys(keyFlags{Data: k.data})
		if err == nil {
			k.keys = keys
		} else {
			k.log.Warn("access keys can't be read: those that were are still good", "error", err)
		}
	}
	return k.keys[:]
}

// keysCmd looks after the access keys of a server on this machine.
type keysCmd struct {
	Show   showKeysCmd   `cmd:"" help:"Print the access keys."`
	Rotate rotateKeysCmd `cmd:"" help:"Make the secondary access key the primary one, and a new secondary one."`
}

// Help is shown by callreel keys --help.
func (keysCmd) Help() string {
	return `Both keys are good. To change them without a break: let all clients use the secondary key, rotate, and what was signed with the former primary key is refused within seconds. A running server needs no restart.`
}

// dataFlags say where a server keeps its data.
type dataFlags struct {
	Data string `help:"Directory of the server's data." default:"callreel-data" type:"path"`
}

type showKeysCmd struct {
	dataFlags
}

// Run prints the keys.
func (c *showKeysCmd) Run(con console) error {
	f := keyFlags{Data: c.Data}
	if _, err := readKeys(f); err != nil {
		return err
	}
	primary, err1 := os.ReadFile(f.file(accessKeyFile))
	secondary, err2 := os.ReadFile(f.file(secondaryKeyFile))
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	_, err := fmt.Fprintf(con.out, "primary    %ssecondary  %s", primary, secondary)
	return err
}

type rotateKeysCmd struct {
	dataFlags
}

// Run rotates the keys. If it is interrupted, the secondary key is the primary
// one too, and rotating again completes it.
func (c *rotateKeysCmd) Run(con console) error {
	f := keyFlags{Data: c.Data}
	if _, err := readKeys(f); err != nil {
		return err
	}
	secondary, err := os.ReadFile(f.file(secondaryKeyFile))
	if err != nil {
		return err
	}
	if err := writeWhole(f.file(accessKeyFile), string(secondary), os.Rename); err != nil {
		return err
	}
	if err := writeWhole(f.file(secondaryKeyFile), newAccessKey()+"\n", os.Rename); err != nil {
		return err
	}
	show := showKeysCmd(*c)
	return show.Run(con)
}
