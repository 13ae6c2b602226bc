import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import koffi from "koffi";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { StoredEvent } from "../../ledger/story.ts";
import type { Outcome, SyslogCarrier } from "./carrier.ts";
import { syslogMessage } from "./message.ts";
import { Syslog } from "./syslog.ts";
import { UnixCarrier } from "./unix-carrier.ts";

const origin = { facility: 10, host: "kdc.example", pid: 77, version: "1.2.3" };
const at = Date.UTC(2026, 10, 23, 14, 2, 11, 5);

const event = (id: number, more: Partial<StoredEvent> = {}): StoredEvent => ({
  id,
  at,
  kind: "gcks.member-evicted",
  subjects: [{ kind: "member", name: "substation/gm4" }],
  cause: "policy",
  level: "warning",
  reason: "certificate revoked",
  figures: { member: "gm4" },
  ...more,
});
const policy = {
  to: { transport: "unix", path: "/nowhere" },
  facility: 10,
  format: "rfc5424",
} as const;

describe("a message", () => {
  const alarm = { name: "gcks.member-revoked", severity: "alarm" } as const;

  test("has the header of RFC 5424, with facility and severity in its priority", () => {
    expect(syslogMessage("rfc5424", origin, event(9), alarm).toString()).toBe(
      '<81>1 2026-11-23T14:02:11.005Z kdc.example keyherald 77 gcks.member-revoked [origin software="keyherald" ' +
        'swVersion="1.2.3"] alarm: substation/gm4: member gm4 evicted: certificate revoked (event 9)',
    );
    const priorities = (["notice", "warning", "error", "alarm"] as const).map((severity) =>
      syslogMessage("rfc5424", origin, event(9), { name: "a.b", severity }).toString().slice(0, 5),
    );
    expect(priorities).toEqual(["<85>1", "<84>1", "<83>1", "<81>1"]);
  });

  test("of the standard has its number and name where IEC 62351-14 puts them", () => {
    const revoked = { name: "CERT_V_REVOKED", id: "IEC62351-9:4.1", severity: "alarm" } as const;
    const refused = event(9, { kind: "phase1.refused", figures: { code: "invalid-certificate", source: "192.0.2.7" } });
    const audit = { ...origin, facility: 13 };
    expect(syslogMessage("rfc5424", audit, refused, revoked).toString()).toMatch(
      /^<105>1 2026-11-23T14:02:11.005Z kdc.example keyherald 77 IEC62351-14:1 \[62351-14@41912 ID="IEC62351-9:4.1" MNEMONIC="CERT_V_REVOKED" SqNum="0" PeerInfo="192.0.2.7"\]\[origin software="keyherald" swVersion="1.2.3"\] alarm: /,
    );
    expect(syslogMessage("local", origin, refused, revoked).toString()).toContain(
      ": CERT_V_REVOKED [IEC62351-9:4.1] alarm: ",
    );
    const odd = event(9, { figures: { source: 'a"]\\\n' } });
    expect(syslogMessage("rfc5424", origin, odd, revoked).toString()).toContain(' PeerInfo="a\\"\\]\\\\"][origin ');
  });

  test("for a local socket has the form of syslog(3)", () => {
    expect(syslogMessage("local", origin, event(9), alarm).toString()).toMatch(
      /^<81>Nov 2[34] \d\d:\d\d:11 keyherald\[77\]: gcks\.member-revoked alarm: substation\/gm4: member gm4 evicted: /,
    );
  });

  test("has a mark before text beyond ASCII, and is cut between characters", () => {
    const long = syslogMessage("rfc5424", origin, event(9, { reason: "ü".repeat(2000) }), alarm);
    expect(long.length).toBeGreaterThan(2046);
    expect(long.length).toBeLessThanOrEqual(2048);
    expect(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(long)).toContain("] \ufeffalarm: ");
  });

  test("is one line, whatever the reason is that an operator gives", () => {
    const forged = event(9, { reason: "replaced\r\n<81>1 forged\u2028too\u0007!" });
    const text = syslogMessage("rfc5424", origin, forged, alarm).toString();
    expect(text).toMatch(/evicted: replaced <81>1 forged too ! \(event 9\)$/);
    expect(syslogMessage("local", origin, forged, alarm).toString()).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
  });

  test("has no HOSTNAME that would break its header", () => {
    const odd = { ...origin, host: "a b\n" };
    expect(syslogMessage("rfc5424", odd, event(9), alarm).toString()).toContain("Z ab keyherald");
    expect(syslogMessage("rfc5424", { ...origin, host: "" }, event(9), alarm).toString()).toContain("Z - keyherald");
  });
});

class FakeCarrier implements SyslogCarrier {
  outcome: Outcome = "sent";
  fault = "ECONNREFUSED";
  failedLater = 0;
  readonly got: string[] = [];
  send(message: Uint8Array): Outcome {
    if (this.outcome === "sent") this.got.push(Buffer.from(message).toString());
    return this.outcome;
  }
  close() {
    return Promise.resolve();
  }
}

describe("events on their way", () => {
  afterEach(() => void vi.useRealTimers());

  test("they go under the operator's names", async () => {
    const carrier = new FakeCarrier();
    const syslog = new Syslog(policy, () => {}, carrier);
    syslog.write(event(1), new Map([["gcks.member-revoked", { name: "DEVICE_OUT", id: "12345:1.7" }]]));
    expect(carrier.got[0]).toContain(' IEC62351-14:1 [62351-14@41912 ID="12345:1.7" MNEMONIC="DEVICE_OUT" ');
    await syslog.close();
  });

  test("only those that are security events go", async () => {
    const carrier = new FakeCarrier();
    const syslog = new Syslog(policy, () => {}, carrier);
    syslog.write(event(1));
    syslog.write(event(2, { kind: "gcks.ack-received", level: "info" }));
    expect(carrier.got).toHaveLength(1);
    await syslog.close();
  });

  test("a server that is away costs nothing but memory for a thousand; then it gets them in order, and what was lost is told", async () => {
    vi.useFakeTimers();
    const carrier = new FakeCarrier();
    const troubles: object[] = [];
    const syslog = new Syslog(policy, (what) => troubles.push(what), carrier);
    carrier.outcome = "unreachable";
    for (let id = 1; id <= 1500; id++) syslog.write(event(id));
    expect(syslog.counters()).toEqual({ "syslog.sent": 0, "syslog.lost": 500, "syslog.waiting": 1000 });
    vi.advanceTimersByTime(5000);
    carrier.outcome = "sent";
    vi.advanceTimersByTime(1000);
    expect(carrier.got).toHaveLength(1000);
    expect(carrier.got[0]).toContain("(event 1)");
    expect(carrier.got[999]).toContain("(event 1000)");
    expect(troubles).toEqual([{ fault: "ECONNREFUSED" }, { lost: 500 }]);
    await syslog.close();
  });

  test("a server that is slow gets the rest soon after; a message that nobody takes does not block the others", async () => {
    vi.useFakeTimers();
    const carrier = new FakeCarrier();
    const syslog = new Syslog(policy, () => {}, carrier);
    carrier.outcome = "busy";
    syslog.write(event(1));
    carrier.outcome = "sent";
    syslog.write(event(2));
    vi.advanceTimersByTime(60);
    expect(carrier.got).toHaveLength(2);
    carrier.outcome = "refused";
    syslog.write(event(3));
    expect(syslog.counters()).toEqual({ "syslog.sent": 2, "syslog.lost": 1, "syslog.waiting": 0 });
    await syslog.close();
  });

  test("by UDP they arrive, those of the last moment too", async () => {
    const server = createSocket("udp4").bind(0, "127.0.0.1");
    await once(server, "listening");
    const got = once(server, "message");
    const endpoint = { address: "127.0.0.1", port: server.address().port };
    const syslog = new Syslog({ ...policy, to: { transport: "udp", endpoint } }, () => {});
    syslog.write(event(1));
    await syslog.close();
    const [message] = await got;
    expect(String(message)).toMatch(/^<81>1 .*\(event 1\)$/);
    server.close();
  });
});

/** A Unix datagram socket to read from, as /dev/log is. */
function reader(path: string) {
  const own = koffi.load(null);
  const fd: number = own.func("int socket(int, int, int)")(1, 2 | 0o4000, 0);
  const address = Buffer.concat([Uint8Array.of(1, 0), Buffer.from(`${path}\0`)]);
  const bound: number = own.func("int bind(int, const uint8_t*, uint32_t)")(fd, address, address.length);
  if (bound !== 0) throw new Error(`bind: ${koffi.errno()}`);
  const receive = own.func("long recv(int, _Out_ uint8_t*, size_t, int)");
  return {
    next(): string | undefined {
      const buffer = Buffer.alloc(4096);
      const length: number = receive(fd, buffer, buffer.length, 0);
      return length < 0 ? undefined : buffer.toString("utf8", 0, length);
    },
    close: () => void own.func("int close(int)")(fd),
  };
}

describe.runIf(process.platform === "linux")("a Unix socket", () => {
  test("gets messages, is busy when it is full, and is found again after a restart of its server", async () => {
    const folder = mkdtempSync(join(tmpdir(), "keyherald-syslog-"));
    const path = join(folder, "log");
    const carrier = new UnixCarrier(path);
    const first = reader(path);
    expect(carrier.send(Buffer.from("<81>hello"))).toBe("sent");
    expect(first.next()).toBe("<81>hello");
    let sent = 0;
    while (sent < 100_000 && carrier.send(Buffer.from("again")) === "sent") sent += 1;
    expect(carrier.fault).toContain("as fast as they come");
    first.close();
    expect(carrier.send(Buffer.from("x"))).toBe("unreachable");
    expect(carrier.fault).toMatch(/log: ECONNREFUSED$/);
    rmSync(path);
    const second = reader(path);
    expect(carrier.send(Buffer.from("<81>back"))).toBe("sent");
    expect(second.next()).toBe("<81>back");
    second.close();
    await carrier.close();
    rmSync(folder, { recursive: true });
  });

  test("that is not there is unreachable, with the reason", async () => {
    const folder = mkdtempSync(join(tmpdir(), "keyherald-syslog-"));
    const carrier = new UnixCarrier(join(folder, "log"));
    expect(carrier.send(Buffer.from("x"))).toBe("unreachable");
    expect(carrier.fault).toMatch(/log: ENOENT$/);
    await carrier.close();
    rmSync(folder, { recursive: true });
  });
});
