#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
// Writes docs/install-info.schema.json: `node scripts/restoration/write-install-info-schema.ts [--dry-run]`.

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { installInfoSchemaText } from './install-info-schema.ts';

const FILE = new URL('../../docs/install-info.schema.json', import.meta.url);

const { values } = parseArgs({ options: { 'dry-run': { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } });
if (values.help) process.stdout.write('node scripts/restoration/write-install-info-schema.ts [--dry-run]   writes docs/install-info.schema.json; --dry-run prints it\n');
else if (values['dry-run']) process.stdout.write(installInfoSchemaText());
else writeFileSync(FILE, installInfoSchemaText());
