/** Registrations (Phase 1 and GROUPKEY-PULL) as a capture has them, whoever made them, with the key of Phase 1. */
import { fromHex, hex } from "../../src/util/octets.ts";
import { encodeMessage } from "../../src/wire/message.ts";
import type { Payload } from "../../src/wire/payloads.ts";
import { type CaptureKey, capture, captureKey, captureNames, vectorFile } from "./golden.ts";
import type { CapturedDatagram } from "./pcap.ts";

export interface Registration {
  readonly name: string;
  readonly datagrams: readonly CapturedDatagram[];
  readonly key: CaptureKey;
}

interface Phase1Vector {
  readonly icookie: string;
  readonly rcookie: string;
  readonly sai_b: string;
  readonly ke_i: string;
  readonly ke_r: string;
  readonly ni: string;
  readonly nr: string;
  readonly key: string;
  readonly message5: { readonly datagram: string };
  readonly message6: { readonly datagram: string };
}

interface PullVector {
  readonly message1: { readonly datagram: string };
  readonly message2: { readonly datagram: string };
  readonly message3: { readonly datagram: string };
  readonly message4: { readonly datagram: string };
}

/** The registrations that a foreign implementation made. */
export function capturedRegistrations(): Registration[] {
  return captureNames().map((name) => ({ name, datagrams: capture(name), key: captureKey(name) }));
}

/** The registrations of the shared vectors: with and without LKH, with each signature algorithm of the pushes. */
export function vectorRegistrations(): Registration[] {
  const push = vectorFile<{ phase1: Phase1Vector; cases: { name: string; pull: PullVector }[] }>("gdoi-push.json");
  const lkh = vectorFile<{ pulls: PullVector[] }>("gdoi-lkh.json");
  const pulls = [
    ...push.cases.map(({ name, pull }) => ({ name: `vector with ${name}`, pull })),
    ...lkh.pulls.map((pull, index) => ({ name: `vector of LKH member ${index + 1}`, pull })),
  ];
  return pulls.map(({ name, pull }) => ({
    name,
    datagrams: [
      ...mainMode(push.phase1),
      ...[pull.message1, pull.message2, pull.message3, pull.message4].map(({ datagram }) => fromHex(datagram)),
    ].map(between),
    key: { cookie: push.phase1.icookie, key: push.phase1.key },
  }));
}

/** Odd messages are the member's, even ones the key server's. */
function between(bytes: Uint8Array, index: number): CapturedDatagram {
  const member = { address: "192.0.2.2", port: 848 };
  const keyServer = { address: "192.0.2.1", port: 848 };
  const [from, to] = index % 2 === 0 ? [member, keyServer] : [keyServer, member];
  return { from: from.address, fromPort: from.port, to: to.address, toPort: to.port, bytes };
}

/** The vectors have the bodies of messages 1 to 4 and the whole messages 5 and 6. */
function mainMode(vector: Phase1Vector): Uint8Array[] {
  const message = (responderCookie: string, ...payloads: Payload[]) =>
    encodeMessage(
      {
        initiatorCookie: fromHex(vector.icookie),
        responderCookie: fromHex(responderCookie),
        exchangeType: 2,
        flags: 0,
        messageId: 0,
      },
      payloads,
    );
  const sa: Payload = { kind: "UNKNOWN", type: 1, data: fromHex(vector.sai_b) };
  const exchange = (ke: string, nonce: string): Payload[] => [
    { kind: "KE", data: fromHex(ke) },
    { kind: "NONCE", data: fromHex(nonce) },
  ];
  return [
    message(hex(new Uint8Array(8)), sa),
    message(vector.rcookie, sa),
    message(vector.rcookie, ...exchange(vector.ke_i, vector.ni)),
    message(vector.rcookie, ...exchange(vector.ke_r, vector.nr)),
    fromHex(vector.message5.datagram),
    fromHex(vector.message6.datagram),
  ];
}
