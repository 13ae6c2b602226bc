/** A tree that describes octets, made by following the writer that writes them. */
import type { Trace, TraceNode } from "./codec.ts";

export interface TreeNode {
  readonly name: string;
  readonly value?: string;
  /** From the start of the message. */
  readonly offset?: number;
  readonly children?: readonly TreeNode[];
}

export interface DescribeOptions {
  /** Spells key octets out; without it they are `N octets`. */
  readonly showKeys?: boolean;
}

interface Node extends TraceNode {
  readonly name: string;
  readonly offset: number;
  readonly children?: Node[];
}

/** Notes what a writer is told to write, `base` octets further on. */
export class Recorder implements Trace {
  readonly showKeys: boolean;
  readonly nodes: Node[] = [];
  readonly #base: number;
  readonly #open: Node[] = [];

  constructor(showKeys: boolean, base: number) {
    this.showKeys = showKeys;
    this.#base = base;
  }

  open(name: string, offset: number, value?: string): TraceNode {
    const node: Node = { name, offset: this.#base + offset, children: [], ...(value === undefined ? {} : { value }) };
    const parent = this.#open.at(-1);
    (parent?.children ?? this.nodes).push(node);
    this.#open.push(node);
    return node;
  }

  close(): void {
    this.#open.pop();
  }
}
