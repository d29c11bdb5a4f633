/** Several migrations as one: their texts one after another, as they would have run. Pure. */
import type { Dialect } from '../sql/dialect.ts'
import { readScript } from '../sql/script.ts'
import { UsageError } from './errors.ts'
import { labelOf } from './graph.ts'
import type { Body, Migration } from './source.ts'

export interface Part {
  readonly migration: Migration
  readonly up: Body | null
  readonly down: Body | null
}

export interface Squashed {
  readonly up: string
  /** Undefined where one of the parts has none: nobody could say what would be left. */
  readonly down: string | undefined
}

/** @param dependsOn what the first of them says it follows. @throws UsageError: one that is code */
export function squash(parts: readonly Part[], dependsOn: readonly string[] | undefined, dialect: Dialect): Squashed {
  const names = parts.map(({ migration }) => labelOf(migration))
  const head = [
    ...(dependsOn ? [`-- migrate: depends-on ${dependsOn.join(', ') || 'nothing'}`] : []),
    ...chunks(names, 8).map((some) => `-- migrate: replaces ${some.join(', ')}`),
  ]
  const ups = parts.map((part) => section(part.migration, part.up, dialect))
  const reasons = parts.flatMap(({ migration, down }) => {
    const reason = down?.kind === 'sql' ? readScript(down.text, dialect).irreversible : undefined
    return reason === undefined ? [] : [`-- migrate: irreversible ${labelOf(migration)}: ${reason}`]
  })
  const withoutDown = parts.some((part) => !isNil(part.up, dialect) && isNil(part.down, dialect))
  const downs = parts.toReversed().map((part) => section(part.migration, part.down, dialect))
  const [irreversible] = reasons
  return {
    up: `${[head.join('\n'), ...ups].filter(Boolean).join('\n\n')}\n`,
    down: irreversible ? `${irreversible}\n` : withoutDown ? undefined : `${downs.filter(Boolean).join('\n\n')}\n`,
  }
}

// --- internal ---

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))
}

function isNil(body: Body | null, dialect: Dialect): boolean {
  if (body === null) return true
  if (body.kind === 'code') return false
  const { statements, irreversible } = readScript(body.text, dialect)
  return statements.length === 0 && irreversible === undefined
}

/** One part under its name. What it set ends with it, as it does when it runs alone. */
function section(migration: Migration, body: Body | null, dialect: Dialect): string {
  if (body?.kind === 'code') {
    throw new UsageError(`${migration.up ?? labelOf(migration)} is code, which cannot be squashed into SQL.`, {
      hint: 'Squash up to the one before it, or from the one after it.',
    })
  }
  if (body === null || isNil(body, dialect)) return ''
  const script = readScript(body.text, dialect)
  const text = withoutConcurrently(script.text, script.statements)
    .replace(/^[ \t]*--[ \t]*migrate:.*\r?\n?/gm, '')
    .trim()
  const sets = script.statements.some(
    ({ words: [first, second], words }) =>
      (first === 'set' && !['local', 'constraints', 'transaction'].includes(second ?? '')) ||
      words.includes('set_config'),
  )
  const ended = /;\s*$/.test(text) ? text : `${text}${/--[^\n]*$/.test(text) ? '\n' : ''};`
  const reset = sets && dialect === 'postgres' ? '\nRESET SESSION AUTHORIZATION;\nRESET ROLE;\nRESET ALL;' : ''
  return `-- ${labelOf(migration)}\n${ended}${reset}`
}

/** Nobody waits on the tables of a database that is being made; in one transaction it could not run. */
function withoutConcurrently(
  text: string,
  statements: readonly { start: number; end: number; words: readonly string[] }[],
): string {
  return statements.reduceRight((out, { start, end, words }) => {
    if (!words.includes('concurrently')) return out
    const plain = out.slice(start, end).replace(/\bconcurrently[ \t]*/i, '')
    return out.slice(0, start) + plain + out.slice(end)
  }, text)
}
