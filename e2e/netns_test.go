package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
)

// network is a network namespace beside this machine's own, and the link between
// the two. Both are gone when the test ends.
type network struct {
	t    *testing.T
	name string
	here netip.Prefix
	at   netip.Addr // in the namespace
}

// networks counts those of this process, of which four can be at a time.
var networks atomic.Uint32

// newNetwork makes a network. Only root may.
func newNetwork(t *testing.T) *network {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can make network namespaces")
	}
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("iproute2 and nftables make the network: ", err)
		}
	}
	id := os.Getpid()<<2 + int(networks.Add(1))%4
	here := netip.AddrFrom4([4]byte{10, 213, byte(id >> 6), byte(id<<2) | 1})
	n := &network{t: t, name: fmt.Sprint("callreel-", id), here: netip.PrefixFrom(here, 30), at: here.Next()}
	if out, err := exec.Command("ip", "netns", "add", n.name).CombinedOutput(); err != nil {
		t.Skipf("no network namespaces can be made here: %s", out)
	}
	link := fmt.Sprint("cr", id)
	t.Cleanup(func() {
		n.ip("link", "delete", link) // at once: the namespace takes it with it later
		n.ip("netns", "delete", n.name)
	})
	n.ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", n.name)
	n.ip("address", "add", n.here.String(), "dev", link)
	n.ip("link", "set", link, "up")
	n.ip("-n", n.name, "address", "add", netip.PrefixFrom(n.at, 30).String(), "dev", "eth0")
	n.ip("-n", n.name, "link", "set", "eth0", "up")
	n.ip("-n", n.name, "link", "set", "lo", "up")
	return n
}

func (n *network) ip(args ...string) { n.run(exec.Command("ip", args...)) }

func (n *network) run(cmd *exec.Cmd) string {
	n.t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		n.t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out)
}

// command is one that runs in the namespace.
func (n *network) command(args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", n.name}, args...)...)
}

// lose drops a tenth of the UDP packets into the namespace, most of them at random
// and some in bursts of 12, and a twentieth of those out of it.
func (n *network) lose() {
	n.t.Helper()
	cmd := n.command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(`table inet loss {
		chain in {
			type filter hook input priority 0; policy accept
			meta l4proto udp numgen random mod 1000 < 82 drop
			meta l4proto udp numgen inc mod 600 < 12 drop
		}
		chain out {
			type filter hook output priority 0; policy accept
			meta l4proto udp numgen random mod 1000 < 50 drop
		}
	}`)
	n.run(cmd)
}

// serve runs a server in the namespace until the test ends.
func (n *network) serve() *server {
	n.t.Helper()
	data := n.t.TempDir()
	return start(n.t, data, n.command(program, "serve", "--listen", netip.AddrPortFrom(n.at, 0).String(), "--data", data))
}
