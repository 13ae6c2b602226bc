/** Arbitrary payloads that the formats can carry. */
import fc from "fast-check";
import { concat, u16, u32 } from "../../src/util/octets.ts";
import { oidOctets } from "../../src/util/oid.ts";
import { encodeOidSelector } from "../../src/wire/gdoi/iec61850.ts";
import type {
  Attribute,
  Iec61850Tek,
  IpsecTek,
  KeyPacket,
  LkhKey,
  OidSelector,
  Payload,
  Proposal,
  SaAttributePayload,
  SaKekPayload,
  SelectorId,
  Transform,
  UnknownPayload,
} from "../../src/wire/payloads.ts";

const u8 = fc.integer({ min: 0, max: 0xff });
const word = fc.integer({ min: 0, max: 0xffff });
const quad = fc.integer({ min: 0, max: 0xffffffff });
const octets = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength });

const attribute: fc.Arbitrary<Attribute> = fc.record({
  type: fc.integer({ min: 0, max: 0x7fff }),
  value: fc.oneof(word, octets(0, 40)),
});
const attributes = fc.array(attribute, { maxLength: 6 });

const transform: fc.Arbitrary<Transform> = fc.record({ number: u8, id: u8, attributes });
const proposal: fc.Arbitrary<Proposal> = fc.record({
  number: u8,
  protocolId: u8,
  spi: octets(0, 16),
  transforms: fc.array(transform, { maxLength: 4 }),
});

/** A length, two zeros, and that much of data up to 32 bits; `unit` says how many of the length make an octet. */
const level = (unit: number) =>
  octets(0, 9).map((data) => {
    const padded = concat(data, new Uint8Array((4 - (data.length % 4)) % 4));
    return concat(u16(data.length * unit), u16(0), padded);
  });
const labels = fc.tuple(quad, level(1), level(8)).map(([domain, ...parts]) => concat(u32(domain), ...parts));

const situation = fc.oneof(
  fc.constantFrom({ situation: 0 }, { situation: 1 }),
  labels.map((situationLabels) => ({ situation: 2, situationLabels })),
);

/** Identities whose data have a length of their type. */
const selector: fc.Arbitrary<SelectorId> = fc
  .constantFrom([1, 4], [4, 8], [5, 16], [6, 32], [7, 8], [8, 32], [11, 4], [2, 11])
  .chain(([idType = 0, length = 0]) => fc.record({ idType: fc.constant(idType), port: word, data: octets(length) }));
const source = fc.oneof(
  selector,
  selector.map((id) => ({ ...id, data: new Uint8Array() })),
);

const sak: fc.Arbitrary<SaKekPayload> = fc.record({
  kind: fc.constant("SAK"),
  protocol: u8,
  source,
  destination: selector,
  spi: octets(16),
  attributes,
});

const body: fc.Arbitrary<IpsecTek> = fc.record({
  protocol: u8,
  source,
  destination: selector,
  transformId: u8,
  spi: octets(4),
  attributes,
});

/** OIDs whose contents octets do not begin like the whole encoding. */
const oid = fc
  .tuple(
    fc.constantFrom("0.5", "1.2", "1.3", "2.25"),
    fc.array(fc.bigInt({ min: 0n, max: 2n ** 70n }), { maxLength: 9 }),
  )
  .map(([root, arcs]) => oidOctets([root, ...arcs].join(".")) ?? new Uint8Array());

/** Selectors of RFC 8052, the OID in both of its forms. */
export const oidSelector: fc.Arbitrary<OidSelector> = fc
  .record({ oid, contents: fc.boolean(), oidSpecificPayload: octets(0, 40) })
  .map(({ contents, ...selector }) => ({ ...selector, ...(contents && { oidForm: "contents" as const }) }));

const iec61850: fc.Arbitrary<Iec61850Tek> = fc
  .tuple(oidSelector, fc.record({ spi: octets(4), authAlg: word, encAlg: word, remainingLifetime: quad, attributes }))
  .map(([selector, rest]) => ({ ...selector, ...rest }));

const unknown: fc.Arbitrary<UnknownPayload> = fc.record({
  kind: fc.constant("UNKNOWN"),
  type: fc.oneof(fc.constantFrom(14, 19, 20, 21), fc.integer({ min: 23, max: 255 })),
  data: octets(0, 40),
});

const gap = fc.record({ kind: fc.constant("GAP" as const), attributes });

const saAttribute: fc.Arbitrary<SaAttributePayload> = fc.oneof(
  sak,
  gap,
  fc.record({ kind: fc.constant("SAT"), protocolId: fc.constantFrom(1, 2), body }),
  fc.record({ kind: fc.constant("SAT"), protocolId: fc.constant(3), iec61850 }),
  fc.record({ kind: fc.constant("SAT"), protocolId: fc.integer({ min: 4, max: 255 }), opaque: octets(0, 60) }),
  unknown,
);

const keyPacket: fc.Arbitrary<KeyPacket> = fc.oneof(
  fc.record({ kdType: u8, spi: octets(0, 16), attributes }),
  fc.record({
    kdType: fc.integer({ min: 5, max: 255 }),
    spi: octets(0, 16),
    attributes: fc.constant([]),
    opaque: octets(1, 3),
  }),
);

/** SAKs with the 'DST ID Prot' octet of the text. */
export const protocolledSak: fc.Arbitrary<SaKekPayload> = fc
  .tuple(sak, u8)
  .map(([payload, destinationProtocol]) => ({ ...payload, destinationProtocol }));

/** LKH keys of one length. */
export const lkhKeys: fc.Arbitrary<LkhKey[]> = fc
  .integer({ min: 0, max: 48 })
  .chain((length) =>
    fc.array(
      fc.record({ lkhId: word, keyType: u8, created: quad, expires: quad, keyHandle: quad, data: octets(length) }),
      { minLength: 0, maxLength: 8 },
    ),
  );

const data = octets(0, 80);

/** The payloads that are the same in every exchange. */
const common: readonly fc.Arbitrary<Payload>[] = [
  fc.record({ kind: fc.constant("KE"), data }),
  fc.record({ kind: fc.constant("HASH"), data }),
  fc.record({ kind: fc.constant("SIG"), data }),
  fc.record({ kind: fc.constant("NONCE"), data }),
  fc.record({ kind: fc.constant("VID"), data }),
  fc.record({ kind: fc.constant("ID"), idType: u8, protocolId: u8, port: word, data }),
  oidSelector.map((selector) => ({
    kind: "ID" as const,
    idType: 13,
    protocolId: 0,
    port: 0,
    data: encodeOidSelector(selector),
  })),
  fc.record({ kind: fc.constant("CERT"), encoding: u8, data }),
  fc.record({ kind: fc.constant("CR"), encoding: u8, authority: data }),
  fc.record({ kind: fc.constant("N"), doi: quad, protocolId: u8, spi: octets(0, 20), notifyType: word, data }),
  octets(1, 20).chain(({ length }) =>
    fc.record({
      kind: fc.constant("D"),
      doi: quad,
      protocolId: u8,
      spiSize: fc.constant(length),
      spis: fc.array(octets(length), { maxLength: 5 }),
    }),
  ),
  gap,
  fc.record({ kind: fc.constant("KD"), packets: fc.array(keyPacket, { maxLength: 5 }) }),
  fc.record({ kind: fc.constant("SEQ"), sequenceNumber: quad }),
  unknown,
];

const phase1Sa: fc.Arbitrary<Payload> = fc
  .record({
    kind: fc.constant("SA" as const),
    doi: fc.constantFrom(1, 2),
    situation,
    proposals: fc.array(proposal, { maxLength: 3 }),
  })
  .map(({ situation: labelled, ...rest }) => ({ ...rest, ...labelled }));

const groupSa: fc.Arbitrary<Payload> = fc.record({
  kind: fc.constant("GDOI-SA"),
  doi: quad,
  situation: quad,
  attributes: fc.array(saAttribute, { maxLength: 5 }),
});

/** Chains of Phase 1. */
export const phase1Payloads = fc.array(fc.oneof(phase1Sa, ...common), { maxLength: 6 });
/** Chains of GROUPKEY-PULL and GROUPKEY-PUSH. */
export const gdoiPayloads = fc.array(fc.oneof(groupSa, ...common), { maxLength: 6 });
