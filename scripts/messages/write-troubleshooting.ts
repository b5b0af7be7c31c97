#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
// Writes docs/troubleshooting.md from the catalogue: `node scripts/messages/write-troubleshooting.ts [--dry-run]`.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { troubleshootingText } from './catalogue.ts';

const FILE = new URL('../../docs/troubleshooting.md', import.meta.url);

const { values } = parseArgs({ options: { 'dry-run': { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } });
if (values.help) process.stdout.write('node scripts/messages/write-troubleshooting.ts [--dry-run]   writes docs/troubleshooting.md; --dry-run prints it\n');
else if (values['dry-run']) process.stdout.write(troubleshootingText());
else writeFileSync(FILE, troubleshootingText());
