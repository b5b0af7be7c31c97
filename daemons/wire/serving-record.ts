// What metamasterd writes down of who serves, for the storage agent of the same node: a small file in memory, so that it can be read when
// no program can be started any more. One JSON object in one line.

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
}

export function encodeServing(record: ServingRecord): string {
  return `${JSON.stringify({ node: record.node, serving: record.serving.map(({ node, incarnation }) => ({ node, incarnation })) })}\n`;
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
  const { node, serving } = (value ?? {}) as Record<string, unknown>;
  if (!isNumber(node) || !Array.isArray(serving)) return undefined;
  const nodes = serving.map(servingNode);
  return nodes.every((each) => each !== undefined) ? { node, serving: nodes } : undefined;
}
