/** Commands of the control API and their replies, on the way between an engine and a client. */
import type { z } from "zod";
import { type EndpointName, endpoints, type ReplyOf } from "../api/contract.ts";
import { ApiRefusal } from "../api/server.ts";
import type { Plain } from "../core/engine.ts";
import { RefusedError } from "./shell.ts";

/** A reply in the form that the contract has; nothing else of it leaves the daemon. */
export function plain<N extends EndpointName>(name: N, value: Plain | object): ReplyOf<N> {
  const schema: z.ZodType = endpoints[name].reply;
  return schema.parse(value) as ReplyOf<N>;
}

/** @throws ApiRefusal (as a rejection) for what an engine refuses. */
export async function carriedOut(reply: Promise<Plain>): Promise<Plain> {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof RefusedError) {
      throw new ApiRefusal(error.code === "store-failed" ? 503 : 409, error.code, error.message);
    }
    throw error;
  }
}
