/** Identity columns: comes, goes, or numbers differently. */

import type { ColumnFacts } from '../../database/postgres/catalog/facts.ts'
import { labelOf } from '../columns.ts'
import { type Change, rungOf, type TableChange } from './change.ts'
import { sequenceActions } from './sequence.ts'
import { alterTable, PHASE, type Step, statement } from './step.ts'

export function identityActions(
  change: Change,
  { key, name, what }: TableChange,
  was: ColumnFacts,
  now: ColumnFacts,
): Step[] {
  const alter = (action: string) => alterTable(key, what, `ALTER COLUMN ${now.quoted} ${action}`)
  const part = `${key}/identity ${now.quoted}`
  const word = now.identity === 'a' ? 'ALWAYS' : 'BY DEFAULT'
  if (was.identity === '' && now.identity === '') return []
  if (now.identity === '') {
    return [
      {
        phase: PHASE.table + 0.1,
        name,
        statements: [alter('DROP IDENTITY')],
        ends: [part],
        makes: [],
        gentle: true,
        frees: was.sequence ? [`relation ${was.sequence.name}`] : [],
      },
    ]
  }
  if (was.identity === '') {
    const { sequence } = now
    const options = [
      sequence && !sequence.usual && `SEQUENCE NAME ${sequence.name}`,
      optionsWithoutType(sequence?.options),
    ]
      .filter(Boolean)
      .join(' ')
    return [
      {
        phase: PHASE.table + 0.7,
        name,
        statements: [
          alter(`ADD GENERATED ${word} AS IDENTITY${options && ` (${options})`}`),
          {
            ...statement('alter', key, numberOn(name, now)),
            comment: 'New rows are numbered behind those that are there.',
          },
        ],
        ends: [],
        makes: [part],
        gentle: true,
        takes: sequence ? [`relation ${sequence.name}`] : [],
      },
    ]
  }
  const actions = [
    ...(was.identity === now.identity ? [] : [`SET GENERATED ${word}`]),
    ...(was.sequence && now.sequence
      ? sequenceActions(was.sequence.options, now.sequence.options, {
          typed: false,
          restarts: rungOf(change, part) > 0,
        }).map((one) => (one === 'RESTART' ? one : `SET ${one}`))
      : []),
  ]
  const renamed = was.sequence && now.sequence && was.sequence.name !== now.sequence.name
  return [
    ...(actions.length > 0
      ? [
          {
            phase: PHASE.table + 0.7,
            name,
            statements: [alter(actions.join(' '))],
            ends: [part],
            makes: [part],
            gentle: true,
          },
        ]
      : []),
    ...(renamed
      ? [
          {
            phase: PHASE.table + 0.7,
            name,
            statements: [
              statement(
                'alter',
                key,
                `ALTER SEQUENCE ${was.sequence?.name} RENAME TO ${labelOf(now.sequence?.name ?? '')}`,
              ),
            ],
            ends: [],
            makes: [part],
            gentle: true,
          },
        ]
      : []),
  ]
}

/** Returns the statement that lets a column's sequence go on behind its greatest value. */
export function numberOn(table: string, { quoted, name }: Pick<ColumnFacts, 'quoted' | 'name'>): string {
  const text = (value: string) => `'${value.replaceAll("'", "''")}'`
  return `SELECT setval(pg_get_serial_sequence(${text(table)}, ${text(name)}), max(${quoted})) FROM ${table} HAVING max(${quoted}) IS NOT NULL`
}

// --- internal ---

function optionsWithoutType(options: string | undefined): string {
  return String(options ?? '').replace(/^AS \S+ ?/, '')
}
