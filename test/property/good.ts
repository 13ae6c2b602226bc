import type { Result } from "../../src/util/result.ts";
import type { WireError } from "../../src/wire/error.ts";

/** The value of a result that is expected to be good. @throws Error with what is wrong */
export function good<T>(result: Result<T, WireError>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}
