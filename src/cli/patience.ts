/** A word to whoever waits for an answer that takes long. */
import { remark } from "./output/print.ts";

const remarkAfterMs = 3000;

/** What `answer` gives; after three seconds a remark on standard error. */
export async function patiently<T>(answer: Promise<T>, text: string): Promise<T> {
  const timer = setTimeout(() => remark(text), remarkAfterMs);
  return await answer.finally(() => clearTimeout(timer));
}
