// What a fault does to rack, LAN and hosts. One that hits nothing (a pause of a node that is off) does nothing, so that every part of a
// schedule can be run by itself.

import { type Fault, faultText } from './fault.ts';
import type { Lan } from './lan.ts';
import type { Rack } from './rack.ts';
import type { SimulatedNode } from './simulated-node.ts';
import type { Network } from './adapter.ts';

export interface FaultSurroundings {
  readonly nowMs: number;
  readonly rack: Rack;
  readonly lan: Lan;
  host(number: number): SimulatedNode;
  observe(text: string): void;
  /** The administrator has said who shall be the gateway. */
  switched(): void;
  powerOff(number: number): void;
  powerOn(number: number): void;
  startNode(number: number): void;
  /** The registry has changed. */
  readRegistry(): void;
  /** Something is wrong for so long; `end` is called with the surroundings of then. `harms`: membership may suffer from it meanwhile. */
  wrong(forMs: number, end: (then: FaultSurroundings) => void, harms: boolean): void;
}

/** Every pair of hosts on two sides, with its direction. */
function* across(rack: Rack, nodes: readonly number[], direction: 'from' | 'to'): Generator<readonly [number, number]> {
  const side = new Set(nodes);
  for (const inside of nodes) for (const outside of rack.numbers()) if (!side.has(outside)) yield direction === 'from' ? [inside, outside] : [outside, inside];
}

function beginBlock({ kind, nodes }: Fault, { rack, nowMs }: FaultSurroundings, change: 1 | -1): void {
  const networks: readonly Network[] = kind === 'split' ? ['boot', 'public'] : [kind === 'unplug' ? 'public' : 'boot'];
  for (const network of networks) {
    if (kind !== 'deafen') for (const [from, to] of across(rack, nodes, 'from')) rack.links[network].block(nowMs, from, to, change);
    if (kind !== 'mute') for (const [from, to] of across(rack, nodes, 'to')) rack.links[network].block(nowMs, from, to, change);
  }
}

function setUplinks({ nodes }: Fault, { rack, nowMs, host }: FaultSurroundings, change: 1 | -1): void {
  for (const number of nodes) {
    rack.unlink(nowMs, number, change);
    if (rack.state(number) === 'running') host(number).tell({ kind: 'uplink', usable: rack.uplink(number).usable });
  }
}

/** Lets a fault begin; its end is put in line. Numbers beyond the rack are left out. */
export function beginFault(given: Fault, around: FaultSurroundings): void {
  const { rack, lan, nowMs, host } = around;
  const fault = { ...given, nodes: given.nodes.filter((number) => number <= rack.size) };
  const { kind, amount, forMs } = fault;
  around.observe(faultText(given));
  const running = fault.nodes.filter((number) => rack.state(number) === 'running');
  const over = (then: FaultSurroundings): void => then.observe(`over: ${faultText(given)}`);
  switch (kind) {
    case 'power-on':
      for (const number of fault.nodes) if (rack.state(number) === 'off') around.powerOn(number);
      return;
    case 'crash':
      for (const number of fault.nodes) if (rack.state(number) !== 'off') around.powerOff(number);
      return;
    case 'reboot':
    case 'restart': {
      // A process that is to be started again must have run; a blade may lose its power at any time.
      const hit = kind === 'restart' ? running : fault.nodes.filter((number) => rack.state(number) !== 'off');
      for (const number of hit) around.powerOff(number);
      return around.wrong(forMs, (then) => {
        for (const number of hit.filter((number) => then.rack.state(number) === 'off')) (kind === 'restart' ? then.startNode : then.powerOn)(number);
      }, false);
    }
    case 'pause':
    case 'starve':
      for (const number of running) {
        if (kind === 'starve') host(number).starve(nowMs + forMs);
        else {
          host(number).pause(nowMs + forMs);
          rack.disturb(nowMs, number, nowMs + forMs);
        }
      }
      return around.wrong(forMs, over, true);
    case 'freeze':
      for (const number of running) {
        host(number).freeze(nowMs + forMs);
        rack.freeze(nowMs, number, nowMs + forMs);
      }
      return around.wrong(forMs, over, false);
    case 'no-uplink':
      setUplinks(fault, around, 1);
      return around.wrong(forMs, (then) => {
        setUplinks(fault, then, -1);
        over(then);
      }, false);
    case 'switch':
      around.switched();
      for (const number of running) host(number).tell({ kind: 'switch' });
      return around.wrong(0, () => {}, false);
    case 'cut':
    case 'split':
    case 'unplug':
    case 'mute':
    case 'deafen':
      beginBlock(fault, around, 1);
      return around.wrong(forMs, (then) => {
        beginBlock(fault, then, -1);
        over(then);
      }, kind !== 'unplug');
    case 'lose':
    case 'duplicate':
    case 'reorder':
    case 'delay': {
      const share = kind === 'delay' ? amount : amount / 100;
      const ends = fault.nodes.length > 0 ? fault.nodes.map((number) => lan.beginCableLoss(nowMs, number, share)) : [lan.begin(nowMs, kind, share)];
      return around.wrong(forMs, (then) => {
        for (const end of ends) end(then.nowMs);
        over(then);
      }, true);
    }
    case 'drift':
      for (const number of fault.nodes) host(number).clock.drift(nowMs, amount);
      return;
    case 'jump':
      for (const number of running) {
        host(number).clock.jump(nowMs, amount);
        rack.disturb(nowMs, number);
      }
      // It is over at once, but calm begins only then.
      return around.wrong(0, () => {}, true);
    case 'drain':
      rack.drain(nowMs, fault.nodes, 1);
      around.readRegistry();
      return around.wrong(forMs, (then) => {
        then.rack.drain(then.nowMs, fault.nodes, -1);
        then.readRegistry();
        over(then);
      }, false);
  }
}
