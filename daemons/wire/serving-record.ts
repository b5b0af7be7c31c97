// What metamasterd writes down of who serves, and of the newest registry that any node knows, for the storage agent of the same node: a small
// file in memory, so that it can be read when no program can be started any more. One JSON object in one line.

/** A node whose boot services answer. */
export interface ServingNode {
  readonly node: number;
  /** Of its metamasterd: sixteen hexadecimal digits, others after each start. */
  readonly incarnation: string;
}

/** Who serves, as one node sees it. */
export interface ServingRecord {
  /** This node. */
  readonly node: number;
  /** Ascending by number; this node is among them when it serves itself. */
  readonly serving: readonly ServingNode[];
  /** The newest generation of the registry that a node of the cluster spoke of, this one included; never goes down while metamasterd runs. Below 2^53. */
  readonly newestGeneration: number;
}

export function encodeServing(record: ServingRecord): string {
  const { node: self, serving, newestGeneration } = record;
  return `${JSON.stringify({ node: self, serving: serving.map(({ node, incarnation }) => ({ node, incarnation })), newestGeneration })}\n`;
}

const isNumber = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0;

function servingNode(value: unknown): ServingNode | undefined {
  const { node, incarnation } = (value ?? {}) as Record<string, unknown>;
  return isNumber(node) && typeof incarnation === 'string' && /^[0-9a-f]{16}$/.test(incarnation) ? { node, incarnation } : undefined;
}

/** Reads the file's text; undefined for no text, and for one that is no such record. Never throws. */
export function decodeServing(text: string | undefined): ServingRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
  const { node, serving, newestGeneration } = (value ?? {}) as Record<string, unknown>;
  if (!isNumber(node) || !Array.isArray(serving) || !Number.isSafeInteger(newestGeneration) || (newestGeneration as number) < 0) return undefined;
  const nodes = serving.map(servingNode);
  return nodes.every((each) => each !== undefined) ? { node, serving: nodes, newestGeneration: newestGeneration as number } : undefined;
}
