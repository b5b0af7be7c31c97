import { expect, test } from 'vitest';
import { bootPlan } from '../../initrd/boot-plan.ts';
import { parseCommandLine } from '../../initrd/command-line.ts';
import { ruleOf, type Stage, STAGE_RULES, stageOfFile, stageOfStep } from './boot-stages.ts';

test('every step of every boot plan is a stage, and so is the root', () => {
  const plans = ['root=/dev/evms/defaultx ivid=iqn.2026-11.example:x', 'mm.mode=install'].flatMap((line) => bootPlan(parseCommandLine(line).parameters));
  for (const step of [...plans.map(({ kind }) => kind), 'root']) expect(stageOfStep(step)).toBe(step);
});

test('a blade cannot tell of what only nodes know', () => {
  for (const step of ['dhcp', 'kernel', 'initrd', 'serving', 'silent', 'nonsense', 'toString', '__proto__']) expect(stageOfStep(step)).toBeUndefined();
});

test('codes are stable, each its own; who can stand still is told why and what to do', () => {
  const stages = Object.keys(STAGE_RULES) as Stage[];
  const rules = stages.map(ruleOf);
  expect(new Set(rules.map(({ code }) => code)).size).toBe(rules.length);
  for (const { code, patienceMs, causes, remedy, waitsFor } of rules) {
    expect(code).toMatch(/^MM-STALL-[A-Z-]+$/);
    expect(waitsFor).not.toBe('');
    if (Number.isFinite(patienceMs)) expect([causes.length > 0, remedy.length > 10]).toEqual([true, true]);
  }
});

test('files', () => {
  expect(['vmlinuz', 'initrd.img', 'boot.ipxe', 'autoexec.ipxe', 'undionly.kpxe', 'snponly.efi', 'status'].map(stageOfFile)).toEqual(['kernel', 'initrd', 'script', 'script', 'loader', 'loader', undefined]);
  expect(['vmlinuz-arm64', 'initrd-arm64.img', 'ipxe-arm64.efi'].map(stageOfFile)).toEqual(['kernel', 'initrd', 'loader']);
});
