/** A payload tree in indented lines. */
import type { TreeNode } from "../../wire/tree.ts";
import { columns } from "./print.ts";
import { bold, dim } from "./style.ts";
import { shorten } from "./table.ts";

/** One line a node: name, value, and the offset at the right where there is room. */
export function treeLines(node: TreeNode, depth = 0): string[] {
  const indent = "  ".repeat(depth);
  const offset = node.offset === undefined ? "" : `@${node.offset}`;
  const room = Math.max(20, columns() - indent.length - node.name.length - offset.length - 4);
  const value = node.value === undefined ? "" : `  ${shorten(node.value, room)}`;
  const name = node.children === undefined ? node.name : bold(node.name);
  const line = `${indent}${name}${value}${offset === "" ? "" : `  ${dim(offset)}`}`;
  return [line, ...(node.children ?? []).flatMap((child) => treeLines(child, depth + 1))];
}
