/** A message of IKEv2 as a tree for people, as wire/describe.ts makes it of ISAKMP. */
import { ExchangeType, Flag } from "../../iana/ikev2.ts";
import { knownName } from "../../iana/names.ts";
import { Writer } from "../../util/writer.ts";
import { Recorder, type TreeNode } from "../tree.ts";
import { headerFields } from "./header.ts";
import { payloadChain } from "./message.ts";
import type { Header, ReceivedPayload } from "./payloads.ts";

/**
 * Describes a decoded message.
 * @param payloads as they travelled
 * @param inner what the last of them, SK or SKF, held when it was opened; offsets are those they were received with
 * @param origin "put together": `inner` came in several messages, and has no offsets in this one
 */
export function describeMessage(
  header: Header,
  payloads: readonly ReceivedPayload[],
  inner: readonly ReceivedPayload[] = [],
  origin: "message" | "put together" = "message",
): TreeNode {
  const top = new Recorder(false, 0);
  headerFields.write(new Writer(), header, top);
  const nodes = payloads.flatMap(nodesOf);
  const last = nodes.pop();
  const held = inner.flatMap(nodesOf).map((node) => (origin === "message" ? node : withoutOffsets(node)));
  const outer = last === undefined ? [] : [...nodes, within(last, held)];
  const children = [{ name: "HDR", offset: 0, children: top.nodes }, ...outer];
  return { name: exchangeName(header), offset: 0, value: `${header.length} octets`, children };
}

function nodesOf({ payload, octets, offset }: ReceivedPayload): readonly TreeNode[] {
  const recorder = new Recorder(false, offset);
  payloadChain.writeOne(new Writer(), payload, octets[0] ?? 0, recorder);
  return recorder.nodes;
}

function within(node: TreeNode, inner: readonly TreeNode[]): TreeNode {
  return { ...node, children: [...(node.children ?? []), ...inner] };
}

function withoutOffsets({ offset: _, children, ...node }: TreeNode): TreeNode {
  return children === undefined ? node : { ...node, children: children.map(withoutOffsets) };
}

function exchangeName({ exchangeType, flags }: Header): string {
  const name = knownName(ExchangeType, exchangeType) ?? `Exchange ${exchangeType}`;
  return `${name} ${(flags & Flag.RESPONSE) === 0 ? "request" : "response"}`;
}
