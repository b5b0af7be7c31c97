// Why a blade stands still, stage by stage: `metamaster boot show` and `boot watch` say it, from the same rules.

import { ruleOf, type Stage, STAGE_RULES } from '../../daemons/boot-report/boot-stages.ts';
import { entry, type Messages } from './message.ts';

const WHERE = '`metamaster boot show` and `metamaster boot watch`';

function entryOf(stage: Stage) {
  const { code, waitsFor, causes, remedy } = ruleOf(stage);
  const usual = causes.length > 0 ? ` Usual causes: ${causes.join('; ')}.` : '';
  return [code, entry(WHERE, `The blade stands still. It waits for ${waitsFor}.${usual}`, remedy)] as const;
}

export const STALL_MESSAGES: Messages = Object.fromEntries((Object.keys(STAGE_RULES) as Stage[]).map((stage) => entryOf(stage)));
