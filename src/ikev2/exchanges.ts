/** Who answers which request, and in which phases of an IKE SA. */
import { ExchangeType } from "../iana/ikev2.ts";
import { createChildSaRequested } from "./create-child-sa.ts";
import { answerAuth } from "./ike-auth-responder.ts";
import { answerInformational } from "./informational.ts";
import type { PhaseName, RequestHandler } from "./state.ts";

interface Row {
  readonly phases: readonly PhaseName[];
  readonly answer: RequestHandler;
}

const rows: Readonly<Record<number, Row>> = {
  [ExchangeType.IKE_AUTH]: { phases: ["SA_INIT_ANSWERED"], answer: answerAuth },
  [ExchangeType.CREATE_CHILD_SA]: { phases: ["ESTABLISHED", "DELETING"], answer: createChildSaRequested },
  [ExchangeType.INFORMATIONAL]: { phases: ["ESTABLISHED", "DELETING"], answer: answerInformational },
};

/** The handler of a request; undefined when the SA cannot take one of this kind now: it is passed over, and may come again. */
export function handlerOf(exchange: number, phase: PhaseName): RequestHandler | undefined {
  const row = rows[exchange];
  return row?.phases.includes(phase) ? row.answer : undefined;
}
