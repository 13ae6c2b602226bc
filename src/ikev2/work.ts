/** Slow work that leaves the engine: the path from a peer's certificate to a trust anchor. */
import type { ChainVerdict } from "../crypto/provider.ts";
import type { IkeSa, Ikev2 } from "./state.ts";
import type { Connection } from "./types.ts";

/** Finds the path; `then` is called with what came of it, unless the IKE SA has ended by then. */
export function validatePath(
  ike: Ikev2,
  sa: IkeSa,
  { remote: { authentication } }: Connection,
  { chain, crls }: { readonly chain: readonly Uint8Array[]; readonly crls: readonly Uint8Array[] },
  then: (verdict: ChainVerdict) => void,
): void {
  if (authentication.method !== "signature") return;
  const id = ike.nextWorkId();
  ike.works.set(id, ({ verdict }) => {
    if (ike.ikeSas.get(sa.key) === sa && sa.phase.at === "VERIFYING") then(verdict);
  });
  const request = {
    chain: chain.map((der) => der.slice()),
    anchors: authentication.anchors,
    // lists that a peer sends count beside ours: a signature of their issuer is on them
    crls: [...authentication.crls, ...crls.map((der) => der.slice())],
    at: ike.env.now,
  };
  ike.out.push({ out: "work", id, job: { job: "verify-chain", request } });
}
