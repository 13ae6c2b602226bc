/** Arbitrary payloads of IKEv2 that the formats can carry. */
import fc from "fast-check";
import type {
  ConfigurationAttribute,
  Payload,
  Proposal,
  TrafficSelector,
  Transform,
} from "../../src/wire/ikev2/payloads.ts";
import type { Attribute } from "../../src/wire/payloads.ts";

const u8 = fc.integer({ min: 0, max: 0xff });
const word = fc.integer({ min: 0, max: 0xffff });
const octets = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength });
const data = octets(0, 80);

/** Reserved fields that were not zero; a zero is not kept. */
const kept = <N extends string>(name: N, most: number) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constant({}) },
    fc.integer({ min: 1, max: most }).map((value) => ({ [name]: value })),
  );
const genericHeader = fc
  .tuple(fc.constantFrom({}, {}, { critical: true as const }), kept("reserved", 0x7f))
  .map(([critical, reserved]) => ({ ...critical, ...reserved }));

function payload<T extends Payload>(fields: fc.Arbitrary<T>, reserved2 = 0): fc.Arbitrary<Payload> {
  const second = reserved2 === 0 ? fc.constant({}) : kept("reserved2", reserved2);
  return fc.tuple(fields, genericHeader, second).map(([value, header, more]) => ({ ...value, ...header, ...more }));
}

const attribute: fc.Arbitrary<Attribute> = fc.oneof(
  fc.record({ type: fc.constant(14), value: fc.constantFrom(128, 192, 256) }),
  fc.record({ type: fc.integer({ min: 0, max: 0x7fff }), value: fc.oneof(word, octets(0, 12)) }),
);

const transform: fc.Arbitrary<Transform> = fc
  .tuple(
    fc.record({
      type: fc.oneof(fc.integer({ min: 1, max: 5 }), u8),
      id: word,
      attributes: fc.array(attribute, { maxLength: 3 }),
    }),
    kept("reserved", 0xff),
    kept("reserved2", 0xff),
  )
  .map(([value, ...reserved]) => Object.assign(value, ...reserved));

const proposal: fc.Arbitrary<Proposal> = fc
  .tuple(
    fc.record({
      number: u8,
      protocolId: u8,
      spi: fc.oneof(octets(0), octets(4), octets(8), octets(0, 255)),
      transforms: fc.array(transform, { maxLength: 6 }),
    }),
    kept("reserved", 0xff),
  )
  .map(([value, reserved]) => ({ ...value, ...reserved }));

const addresses = (length: number): fc.Arbitrary<TrafficSelector> =>
  fc.record({
    kind: fc.constant("addresses"),
    ipProtocol: u8,
    startPort: word,
    endPort: word,
    startAddress: octets(length),
    endAddress: octets(length),
  });

const trafficSelector: fc.Arbitrary<TrafficSelector> = fc.oneof(
  addresses(4),
  addresses(16),
  fc.record({
    kind: fc.constant("UNKNOWN"),
    tsType: fc.oneof(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 9, max: 255 })),
    ipProtocol: u8,
    data: octets(0, 40),
  }),
);
const selectors = fc.array(trafficSelector, { maxLength: 5 });

const configurationAttribute: fc.Arbitrary<ConfigurationAttribute> = fc
  .tuple(
    fc.record({
      type: fc.oneof(fc.integer({ min: 1, max: 29 }), fc.integer({ min: 0, max: 0x7fff })),
      value: fc.oneof(octets(0), octets(4), octets(8), octets(16), octets(17), octets(0, 40)),
    }),
    fc.constantFrom({}, {}, { reserved: true as const }),
  )
  .map(([value, reserved]) => ({ ...value, ...reserved }));

/** Types whose data have a form, and any other. */
const notifyType = fc.oneof(fc.constantFrom(1, 17, 16385, 16387, 16403, 16407, 16408, 16431, 40960), word);

/** Payloads that can stand inside SK. */
const innerPayload: fc.Arbitrary<Payload> = fc.oneof(
  payload(fc.record({ kind: fc.constant("SA"), proposals: fc.array(proposal, { maxLength: 4 }) })),
  payload(fc.record({ kind: fc.constant("KE"), group: word, data }), 0xffff),
  payload(fc.record({ kind: fc.constant("IDi"), idType: u8, data }), 0xffffff),
  payload(fc.record({ kind: fc.constant("IDr"), idType: u8, data }), 0xffffff),
  payload(fc.record({ kind: fc.constant("CERT"), encoding: u8, data })),
  payload(
    fc.record({ kind: fc.constant("CERTREQ"), encoding: u8, authorities: fc.oneof(octets(20), octets(40), data) }),
  ),
  payload(fc.record({ kind: fc.constant("AUTH"), method: u8, data }), 0xffffff),
  payload(fc.record({ kind: fc.constant("NONCE"), data })),
  payload(fc.record({ kind: fc.constant("N"), protocolId: u8, spi: octets(0, 20), type: notifyType, data })),
  octets(1, 20).chain(({ length }) =>
    payload(
      fc.record({
        kind: fc.constant("D"),
        protocolId: u8,
        spiSize: fc.constant(length),
        spis: fc.array(octets(length), { maxLength: 5 }),
      }),
    ),
  ),
  payload(fc.constant({ kind: "D", protocolId: 1, spiSize: 0, spis: [] })),
  payload(fc.record({ kind: fc.constant("V"), data })),
  payload(fc.record({ kind: fc.constant("TSi"), selectors }), 0xffffff),
  payload(fc.record({ kind: fc.constant("TSr"), selectors }), 0xffffff),
  payload(
    fc.record({
      kind: fc.constant("CP"),
      cfgType: u8,
      attributes: fc.array(configurationAttribute, { maxLength: 6 }),
    }),
    0xffffff,
  ),
  payload(fc.record({ kind: fc.constant("EAP"), code: u8, identifier: u8, data })),
  payload(
    fc.record({
      kind: fc.constant("UNKNOWN"),
      type: fc.oneof(
        fc.integer({ min: 1, max: 32 }),
        fc.integer({ min: 49, max: 52 }),
        fc.integer({ min: 54, max: 255 }),
      ),
      data,
    }),
  ),
);

/** Chains inside SK. */
export const innerPayloads = fc.array(innerPayload, { maxLength: 8 });

const encrypted: fc.Arbitrary<Payload> = fc.oneof(
  payload(fc.record({ kind: fc.constant("SK"), innerFirst: u8, body: data })),
  fc
    .tuple(word, word)
    .map(([a, b]) => ({ fragmentNumber: Math.max(1, Math.min(a, b)), totalFragments: Math.max(1, a, b) }))
    .chain((numbers) =>
      payload(
        fc
          .record({ kind: fc.constant("SKF"), innerFirst: u8, body: data })
          .map((fragment) => ({ ...fragment, ...numbers })),
      ),
    ),
);

/** Payloads of a message as it travels: in the clear, or SK or SKF at its end. */
export const messagePayloads = fc
  .tuple(fc.array(innerPayload, { maxLength: 4 }), fc.option(encrypted, { nil: undefined }))
  .map(([before, last]) => (last === undefined ? before : [...before, last]));
