import assert from "node:assert/strict";
import { accessesOf, parseCalls, programsOf, socketsOf } from "./system_calls.ts";

const LOG = String.raw`execve("/usr/bin/deno", ["deno", "run"], 0x7ffd /* 20 vars */) = 0
openat(AT_FDCWD</place>, "run/a\"b.json", O_RDONLY|O_CLOEXEC) = 21</disk/run/a\"b.json>
openat(AT_FDCWD</place>, "/etc/machine-id", O_RDONLY) = -1 ENOENT (No such file or directory)
openat(AT_FDCWD</place>, "/tmp/mat-debug-18063.log", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 22</tmp/mat-debug-18063.log>
openat(AT_FDCWD</place>, "/tmp/gone", O_RDWR|O_CREAT, 0666) = 23</tmp/gone (deleted)>
renameat2(9</tmp/a>, "x", AT_FDCWD</place>, "y", RENAME_NOREPLACE) = 0
mkdir("out", 0777) = 0
socketpair(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0, [21<socket:[5]>, 22<socket:[6]>]) = 0
sendto(15<socket:[5]>, "X", 1, MSG_DONTWAIT, NULL, 0) = 1
socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC|SOCK_NONBLOCK, IPPROTO_IP) = 23<socket:[7]>
connect(23<socket:[7]>, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.1")}, 16) = -1 ENETUNREACH (Network is unreachable)
sendto(23<socket:[7]>, "mobile.events", 13, 0, {sa_family=AF_INET, sin_port=htons(53)}, 16) = 13
--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED} ---
exit_group(0)                           = ?
+++ exited with 0 +++
`;

Deno.test("parseCalls() reads names, results and what was opened", () => {
  const calls = parseCalls(LOG);
  assert.deepEqual(calls.map(({ name, result }) => `${name} ${result}`), [
    "execve 0",
    "openat 21",
    "openat -1",
    "openat 22",
    "openat 23",
    "renameat2 0",
    "mkdir 0",
    "socketpair 0",
    "sendto 1",
    "socket 23",
    "connect -1",
    "sendto 13",
    "exit_group undefined",
  ]);
});

Deno.test("accessesOf() follows links and descriptors, and tells reading from writing", () => {
  const seen = accessesOf(parseCalls(LOG), "/place").map(({ path, writes }) => [path, writes]);
  assert.deepEqual(seen, [
    [String.raw`/disk/run/a\"b.json`, false],
    ["/tmp/mat-debug-18063.log", true],
    ["/tmp/gone", true],
    ["/tmp/a/x", true],
    ["/place/y", true],
    ["/place/out", true],
  ]);
});

Deno.test("socketsOf() takes what reaches out, also where it fails, and no pipes of the process itself", () => {
  const names = socketsOf(parseCalls(LOG)).map(({ name }) => name);
  assert.deepEqual(names, ["socket", "connect", "sendto"]);
  assert.deepEqual(programsOf(parseCalls(LOG), "/place"), ["/usr/bin/deno"]);
});
