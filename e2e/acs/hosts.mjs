// Lets a process find the host NAME at the loopback address, as an entry in a
// hosts file would: node --import ./hosts.mjs
import dns from "node:dns";

const { lookup } = dns;
dns.lookup = (host, ...rest) => lookup(host === process.env.NAME ? "127.0.0.1" : host, ...rest);
