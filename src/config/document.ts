/** The YAML text: its value, and where in it a path stands. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { err, ok, type Result } from "../util/result.ts";
import type { ConfigProblem } from "./types.ts";

/** Names and indices from the top of the file to a value. */
export type Path = readonly (string | number)[];

export interface Place {
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

export interface ConfigText {
  /** The whole as plain values. */
  readonly value: unknown;
  /** Where the value of `path` stands; for one that is not there, where the section is that it is missing from. */
  place(path: Path): Place;
  /** Where the name of the last element of `path` stands. */
  placeOfName(path: Path): Place;
}

/** `keyServer.groups[0].kek.cipher`. */
export function pathText(path: Path): string {
  return path.map((part, i) => (typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`)).join("");
}

/** Reads YAML 1.2 with one document. Errors of its form come with their places. */
export function parseText(text: string): Result<ConfigText, ConfigProblem[]> {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const placeAt = (offset: number): Place => {
    const { line, col } = counter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problem = (message: string, offset: number): ConfigProblem => ({
    ...placeAt(offset),
    path: "",
    expected: "YAML 1.2: names, a colon, values; sections indented by spaces",
    message,
    severity: "error",
  });
  if (document.errors.length > 0) {
    return err(document.errors.map((error) => problem(`not valid YAML: ${error.message}`, error.pos[0])));
  }
  if (document.contents === null) return err([problem("the file is empty", 0)]);
  try {
    const resolve = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
    const find = (path: Path) => nodesOn(document.contents, path, resolve);
    const root: Found = { value: document.contents };
    return ok({
      value: document.toJS(),
      place: (path) => placeAt(offsetOf(find(path).at(-1) ?? root)),
      placeOfName: (path) => {
        const found = find(path).at(-1) ?? root;
        return placeAt(found.key === undefined ? offsetOf(found) : startOf(found.key));
      },
    });
  } catch (error) {
    // an alias that is expanded too often
    return err([problem(`not valid YAML: ${error instanceof Error ? error.message : error}`, 0)]);
  }
}

interface Found {
  readonly key?: Node;
  readonly value: unknown;
  /** Something on the path is missing below this one. */
  readonly missing?: boolean;
}

/** What stands on the path, as far as it goes. */
function nodesOn(root: unknown, path: Path, resolve: (node: unknown) => unknown): Found[] {
  const found: Found[] = [];
  let node = resolve(root);
  for (const part of path) {
    const next = child(node, part);
    if (next === undefined) {
      const last = found.at(-1);
      if (last !== undefined) found[found.length - 1] = { ...last, missing: true };
      break;
    }
    found.push(next);
    node = resolve(next.value);
  }
  return found;
}

function child(node: unknown, part: string | number): Found | undefined {
  if (isSeq<Node>(node) && typeof part === "number") {
    const item = node.items[part];
    return item === undefined ? undefined : { value: item };
  }
  if (!isMap<Node>(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
  return pair === undefined ? undefined : { key: pair.key, value: pair.value };
}

/** The value itself; the name of a section that spans lines, that something is missing from, or that has no value. */
function offsetOf({ key, value, missing }: Found): number {
  const empty = value === null || (isScalar(value) && value.value === null);
  const spans = (isMap(value) || isSeq(value)) && value.flow !== true;
  return startOf(key !== undefined && (missing === true || empty || spans) ? key : value);
}

function startOf(node: unknown): number {
  return isMap(node) || isSeq(node) || isScalar(node) || isAlias(node) ? (node.range?.[0] ?? 0) : 0;
}
