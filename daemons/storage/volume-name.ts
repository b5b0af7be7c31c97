// Names of volumes, and of checkpoints among them: `node3@before-upgrade`.

/** Volume names become file names and device-mapper names (127 characters at most, together with the container's). */
export const VOLUME_NAME = /^[a-z][a-z0-9@._-]{0,62}$/;
/** What an administrator may call a checkpoint: short enough for the volume's name with any node's number. */
export const CHECKPOINT_NAME = /^[a-z0-9][a-z0-9._-]{0,31}$/;

/** The name of the volume that is checkpoint `name` of a node. */
export const checkpointVolume = (node: number, name: string): string => `node${node}@${name}`;

/** The checkpoint's own name out of its volume's; undefined when it is none of that node's. */
export function checkpointName(volume: string, node: number): string | undefined {
  const front = checkpointVolume(node, '');
  const name = volume.slice(front.length);
  return volume.startsWith(front) && CHECKPOINT_NAME.test(name) ? name : undefined;
}
