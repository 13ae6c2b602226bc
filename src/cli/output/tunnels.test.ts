import { afterEach, beforeEach, expect, test } from "vitest";
import type { z } from "zod";
import { connection as up } from "../../../test/support/fake-engines.ts";
import type { ConnectionView } from "../../api/views.ts";
import { connectionView, type recordedPair } from "../../api/views.ts";
import { connectionsTable, downtimeText, pairsTable, sasText, upText } from "./tunnels.ts";

const before = process.stdout.columns;
beforeEach(() => {
  process.stdout.columns = 100;
});
afterEach(() => {
  process.stdout.columns = before;
});

const now = Date.parse("2026-11-23T14:55:43Z");
const shown = (view: object): ConnectionView => connectionView.parse(view);
const paris = shown(up);
const ikeSa = paris.ikeSas[0];
if (ikeSa === undefined) throw new Error("the connection has no IKE SA");

const rome = shown({
  name: "office-rome",
  state: "waiting",
  start: "always",
  remote: "198.51.100.7:500",
  localIdentity: "fqdn:berlin.example",
  nextAttemptAt: now + 20_000,
  lastError: "the peer does not answer",
  outage: { since: now - 40_000, reason: "host is restarting", downtimeSeconds: 120, expectedAt: now + 80_000 },
  ikeSas: [],
});

function widest(text: string): number {
  return Math.max(...text.split("\n").map((line) => line.length));
}

test("connections are a line each, and below it stands who is away, why, and until when", () => {
  expect(connectionsTable([rome, paris], now).split("\n")).toEqual([
    "CONNECTION    STATE    PEER              IDENTITY            CHILD SAS  SINCE",
    expect.stringMatching(/^office-paris {2}up {7}203\.0\.113\.9:500 {3}fqdn:paris\.example {2}1 {10}.* ago$/),
    "office-rome   waiting  198.51.100.7:500  any                 0          tries in 20 s",
    "",
    'office-rome: down since 14:55:03Z, "host is restarting", expected back at 14:57:03Z (in 1 min)',
    "office-rome: the peer does not answer",
  ]);
});

test("an outage without words or without an estimate says no more than there is", () => {
  const silent = { ...rome, outage: { since: now, downtimeSeconds: 0 } };
  expect(connectionsTable([silent], now)).toContain("office-rome: down since 14:55:43Z, without a reason\n");
});

test("of clients whose identities are not configured one is named, and the others are counted", () => {
  const { remoteIdentity: _, ...anybody } = paris;
  expect(connectionsTable([{ ...anybody, ikeSas: [ikeSa, ikeSa, ikeSa] }], now)).toContain(
    "fqdn:paris.example and 2 more",
  );
});

test("an IKE SA is shown with its ends, its life and its Child SAs, within 100 columns", () => {
  const life = { rekeyAt: now + 3_600_000, expiresAt: now + 7_200_000, since: now - 60_000 };
  const sa = { ...ikeSa, nat: "forced" as const, virtualAddresses: ["10.9.0.1"], ...life };
  const text = sasText([{ ...paris, ikeSas: [sa] }], now);
  expect(text.split("\n").slice(0, 7)).toEqual([
    "office-paris  established 1 min ago as initiator, psk",
    `  IKE SA     ${"11".repeat(8)}_${"22".repeat(8)}`,
    "  here       192.0.2.1:500",
    "  peer       203.0.113.9:500  fqdn:paris.example",
    "  suite      aes-gcm-16-256 / prf-hmac-sha256 / curve25519",
    "  NAT        none, ESP goes inside UDP all the same",
    "  addresses  10.9.0.1",
  ]);
  expect(text).toContain("  life       rekeyed in 1 h, ends in 2 h at the latest\n");
  expect(text).toMatch(/^ {2}lan {4}c1d2e3f4 {2}0a0b0c0d {2}installed {2}10\.1\.0\.0\/16 {2}10\.2\.0\.0\/16 /m);
  expect(text).toMatch(/^ {2}lan: tunnel mode, aes-gcm-16-256 \/ esn$/m);
});

test("long selectors do not make the table wider than 100 columns", () => {
  const local = Array.from({ length: 12 }, (_, i) => `2001:db8:${i}::/48[tcp/1024-65535]`);
  const children = ikeSa.children.map((child) => ({
    ...child,
    local,
    remote: local,
    encapsulated: true,
    octets: 1e12,
  }));
  const text = sasText([{ ...paris, ikeSas: [{ ...ikeSa, children }] }], now);
  expect(widest(text)).toBeLessThanOrEqual(100);
  expect(text).toContain("inside UDP");
  expect(text).toContain("1000000000000");
});

test("an SA whose peer is not known yet, and one without Child SAs, are shown as such", () => {
  const { since: _, suite: __, authentication: ___, remoteIdentity: ____, ...young } = ikeSa;
  const text = sasText([{ ...paris, ikeSas: [{ ...young, connection: "", state: "connecting", children: [] }] }], now);
  expect(text).toContain("(not known yet)  connecting as initiator\n");
  expect(text).toContain("no Child SAs");
});

test("pairs of the data plane are shown within 100 columns", () => {
  const pair: z.infer<typeof recordedPair> = {
    connection: "office-paris",
    child: "lan",
    mode: "tunnel",
    spiIn: "c1d2e3f4",
    spiOut: "0a0b0c0d",
    encryption: "ENCR_AES_GCM_16 256",
    esn: true,
    local: "[2001:db8:1:2:3:4:5:6]:4500",
    remote: "[2001:db8:1:2:3:4:5:7]:4500",
    localSelectors: [],
    remoteSelectors: [],
    encapsulated: true,
    outbound: false,
  };
  const text = pairsTable([pair]);
  expect(widest(text)).toBeLessThanOrEqual(100);
  expect(text).toMatch(/^office-…is\/lan .*tunnel .*AES_GCM_16 256 .* not yet$/m);
});

test("sentences for what was asked for", () => {
  expect(upText(paris)).toBe("office-paris is up with Child SA lan (SPI c1d2e3f4).");
  expect(upText({ ...paris, ikeSas: [] })).toBe("office-paris is up with no Child SA.");
  expect([undefined, 0, 90, 5400].map(downtimeText)).toEqual(["no estimate", "no estimate", "90 s", "1 h 30 min"]);
});
