/** Changes a sequence that stays. */
import type { SchemaObject } from '../../schema/model.ts'
import { keyOf } from '../statement.ts'
import { type Change, rungOf } from './change.ts'
import { furtherChanges } from './further.ts'
import { further } from './objects.ts'
import { factsOf } from './side.ts'
import { PHASE, type Step, statement } from './step.ts'

type Sequence = SchemaObject & { kind: 'sequence' }

export function alterSequence(change: Change, was: Sequence, now: Sequence): Step[] {
  const before = factsOf(change.from, was)
  const after = factsOf(change.to, now)
  const key = keyOf(now)
  const actions = sequenceActions(before.options, after.options, { typed: true, restarts: rungOf(change, key) > 0 })
  return [
    {
      phase: PHASE.sequences,
      name: now.name,
      statements: [
        ...(actions.length > 0 ? [statement('alter', key, `ALTER SEQUENCE ${now.name} ${actions.join(' ')}`)] : []),
        ...(before.unlogged === after.unlogged
          ? []
          : [statement('alter', key, `ALTER SEQUENCE ${now.name} SET ${after.unlogged ? 'UNLOGGED' : 'LOGGED'}`)]),
        ...furtherChanges(further(was), further(now)).map((sql) => statement('alter', key, sql)),
      ],
      ends: [],
      makes: [],
    },
  ]
}

/**
 * Returns the clauses of ALTER SEQUENCE between two texts of options.
 * @param restarts `true` if the number that it has reached is outside of the new limits
 */
export function sequenceActions(
  was: string,
  now: string,
  { typed, restarts }: { readonly typed: boolean; readonly restarts: boolean },
): string[] {
  const before = optionsOf(was)
  const after = optionsOf(now)
  const changed = (name: keyof Options) => before[name] !== after[name]
  const type = before.type !== after.type
  const start = startOf(after)
  return [
    typed && type && `AS ${after.type}`,
    changed('increment') && `INCREMENT BY ${after.increment ?? 1}`,
    // The limits of another type are other ones where none are given.
    (changed('min') || type) && (after.min === undefined ? 'NO MINVALUE' : `MINVALUE ${after.min}`),
    (changed('max') || type) && (after.max === undefined ? 'NO MAXVALUE' : `MAXVALUE ${after.max}`),
    startOf(before) !== start && `START WITH ${start}`,
    changed('cache') && `CACHE ${after.cache ?? 1}`,
    changed('cycle') && (after.cycle ? 'CYCLE' : 'NO CYCLE'),
    restarts && 'RESTART',
  ].filter((action) => typeof action === 'string')
}

// --- internal ---

interface Options {
  readonly type: string
  readonly increment: string | undefined
  readonly min: string | undefined
  readonly max: string | undefined
  readonly start: string | undefined
  readonly cache: string | undefined
  readonly cycle: boolean
}

function optionsOf(text: string): Options {
  const value = (name: string) => new RegExp(`\\b${name} (-?\\d+)`).exec(text)?.[1]
  return {
    type: /^AS (\S+)/.exec(text)?.[1] ?? 'bigint',
    increment: value('INCREMENT BY'),
    min: value('MINVALUE'),
    max: value('MAXVALUE'),
    start: value('START WITH'),
    cache: value('CACHE'),
    cycle: /\bCYCLE\b/.test(text),
  }
}

function startOf({ start, min, max, increment }: Options): string {
  if (start !== undefined) return start
  return Number(increment ?? 1) > 0 ? (min ?? '1') : (max ?? '-1')
}
