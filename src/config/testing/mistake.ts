/** One mistake in a configuration, made in the example for both roles. */
export interface Mistake {
  /** Text of the example, and what stands in its place. */
  readonly edit: readonly [from: string, to: string];
  readonly path: string;
  /** Part of the line that is named; the new text when left out. */
  readonly at?: string;
  /** What message and expectation together say. */
  readonly says: RegExp;
}
