/** What an operator's word means: a connection, one of its children, an IKE SA, a Child SA. */
import { hex } from "../util/octets.ts";
import { ikeSaId } from "./report.ts";
import type { ChildSa, ConnectionState, IkeSa, Ikev2 } from "./state.ts";
import type { ChildPolicy, Target } from "./types.ts";

export type Found =
  | { readonly what: "connection"; readonly connection: ConnectionState }
  /** With those of it that stand. */
  | {
      readonly what: "child";
      readonly connection: ConnectionState;
      readonly child: ChildPolicy;
      readonly standing: readonly ChildSa[];
    }
  | { readonly what: "ike-sa"; readonly sa: IkeSa }
  | { readonly what: "child-sa"; readonly child: ChildSa };

/** Undefined when there is nothing of that name. */
export function find(ike: Ikev2, target: Target): Found | undefined {
  const connection = ike.connections.get(target);
  if (connection !== undefined) return { what: "connection", connection };
  const slash = target.lastIndexOf("/");
  const owner = slash < 0 ? undefined : ike.connections.get(target.slice(0, slash));
  const child = owner?.config.children.find(({ name }) => name === target.slice(slash + 1));
  if (owner !== undefined && child !== undefined) {
    return { what: "child", connection: owner, child, standing: standingOf(ike, owner, child.name) };
  }
  return bySpi(ike, target.toLowerCase().replace(/^0x/, ""));
}

function standingOf(ike: Ikev2, connection: ConnectionState, name: string): ChildSa[] {
  return [...ike.childSas.values()].filter(
    ({ policy, ikeSa }) => policy.name === name && ikeSa.phase.connection === connection,
  );
}

function bySpi(ike: Ikev2, spi: string): Found | undefined {
  // our own first: a peer chooses its SPIs as it likes
  const [own, ownChild] = [ike.ikeSas.get(spi), ike.childSas.get(spi)];
  if (own !== undefined) return { what: "ike-sa", sa: own };
  if (ownChild !== undefined) return { what: "child-sa", child: ownChild };
  for (const sa of ike.ikeSas.values()) {
    if (ikeSaId(sa) === spi || hex(sa.spiI) === spi || hex(sa.spiR) === spi) {
      return { what: "ike-sa", sa };
    }
  }
  for (const child of ike.childSas.values()) {
    if (hex(child.spiOut) === spi) return { what: "child-sa", child };
  }
  return undefined;
}
