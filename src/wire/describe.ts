/** A message as a tree for people: fields under their RFC names, code points by name, offsets as on the wire. */
import { ExchangeType } from "../iana/isakmp.ts";
import { Writer } from "../util/writer.ts";
import { headerFields } from "./header.ts";
import { payloadChain } from "./message.ts";
import type { Header, ReceivedPayload } from "./payloads.ts";
import { type DescribeOptions, Recorder, type TreeNode } from "./tree.ts";

/**
 * Describes a decoded message. The tables that wrote it are walked again, since they write the octets that came; a
 * chain that was decrypted is described at the offsets that its payloads were received with.
 */
export function describeMessage(
  header: Header,
  payloads: readonly ReceivedPayload[],
  options: DescribeOptions = {},
): TreeNode {
  const showKeys = options.showKeys ?? false;
  const top = new Recorder(showKeys, 0);
  headerFields.write(new Writer(), header, top);
  const children: TreeNode[] = [{ name: "HDR", offset: 0, children: top.nodes }];
  for (const { payload, octets, offset } of payloads) {
    const recorder = new Recorder(showKeys, offset);
    payloadChain.writeOne(new Writer(), payload, octets[0] ?? 0, recorder);
    children.push(...recorder.nodes);
  }
  return { name: exchangeName(header.exchangeType), offset: 0, value: `${header.length} octets`, children };
}

const EXCHANGES: ReadonlyMap<number, string> = new Map<number, string>([
  [ExchangeType.BASE, "Base Exchange"],
  [ExchangeType.IDENTITY_PROTECTION, "Identity Protection (Main Mode)"],
  [ExchangeType.AUTHENTICATION_ONLY, "Authentication Only"],
  [ExchangeType.AGGRESSIVE, "Aggressive"],
  [ExchangeType.INFORMATIONAL, "Informational"],
  [ExchangeType.GROUPKEY_PULL, "GROUPKEY-PULL"],
  [ExchangeType.GROUPKEY_PUSH, "GROUPKEY-PUSH"],
  [ExchangeType.GROUPKEY_PUSH_ACK, "GROUPKEY-PUSH ACK"],
]);

function exchangeName(exchangeType: number): string {
  return EXCHANGES.get(exchangeType) ?? `Exchange ${exchangeType}`;
}
