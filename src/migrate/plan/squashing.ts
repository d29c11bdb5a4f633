/** Combines several migrations into one: their texts one after another, in the order they would have run. Pure. */
import { DIALECTS, type Dialect } from '../../sql/dialect.ts'
import { inDirective, leavesSettings, readScript, withEnd } from '../../sql/script.ts'
import { tokenize } from '../../sql/tokens.ts'
import { UsageError } from '../errors.ts'
import type { Migration, MigrationBody } from '../source.ts'
import { labelOf } from '../version.ts'
import type { Graph } from './graph.ts'

export interface Part {
  readonly migration: Migration
  readonly up: MigrationBody | null
  readonly down: MigrationBody | null
}

export interface Squashed {
  readonly up: string
  /** Text of the down; undefined if one of the parts has no down, because then the result would be unknown. */
  readonly down: string | undefined
  /** Names of all migrations it replaces, including those that an already squashed part replaces. */
  readonly replaces: readonly string[]
}

/**
 * Combines the given migrations into one.
 * @param graph the graph of all migrations, including `parts`
 * @throws UsageError if one of them cannot be squashed
 */
export function squash(parts: readonly Part[], graph: Graph, dialect: Dialect): Squashed {
  const versions = new Set(parts.map(({ migration }) => migration.version))
  const nodes = graph.nodes.filter(({ version }) => versions.has(version))
  const replaces = nodes.flatMap((node) => [...node.replaces, labelOf(node)])
  const head = [
    ...dependsOn(graph, versions),
    ...chunks(replaces, 8).map((some) => `-- migrate: replaces ${some.map(inDirective).join(', ')}`),
  ]
  const ups = sections(
    parts.map(({ migration, up }) => [migration, up]),
    dialect,
  )
  const reasons = parts.flatMap(({ migration, down }) => {
    const reason = down?.kind === 'sql' ? readScript(down.text, dialect).irreversible : undefined
    return reason === undefined ? [] : [`-- migrate: irreversible ${labelOf(migration)}: ${reason}`]
  })
  const [irreversible] = reasons
  const withoutDown = parts.some((part) => !isNil(part.up, dialect) && isNil(part.down, dialect))
  const down = () =>
    sections(
      parts.toReversed().map((part) => [part.migration, part.down]),
      dialect,
    )
  return {
    up: `${[head.join('\n'), ...ups].join('\n\n')}\n`,
    down: irreversible ? `${irreversible}\n` : withoutDown ? undefined : `${down().join('\n\n')}\n`,
    replaces,
  }
}

// --- internal ---

/**
 * Returns the depends-on line for the migrations outside `versions` that those inside depend on, or nothing if that is
 * only the migration just before, which is the default.
 */
function dependsOn({ nodes }: Graph, versions: ReadonlySet<number>): string[] {
  const inside = nodes.filter(({ version }) => versions.has(version))
  const first = inside[0]?.version ?? 0
  const before = nodes.findLast(({ version }) => version < first)
  const outside = new Set(inside.flatMap(({ parents }) => parents.filter((parent) => !versions.has(parent))))
  const isUsual = before ? outside.size === 1 && outside.has(before.version) : outside.size === 0
  if (isUsual) return []
  const names = nodes.filter(({ version }) => outside.has(version)).map((node) => inDirective(labelOf(node)))
  return [`-- migrate: depends-on ${names.join(', ') || 'nothing'}`]
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))
}

function isNil(body: MigrationBody | null, dialect: Dialect): boolean {
  if (body === null) return true
  if (body.kind === 'code') return false
  const { statements, irreversible } = readScript(body.text, dialect)
  return statements.length === 0 && irreversible === undefined
}

/**
 * Returns the text of each part below a comment with its name. If parts change session settings, each is followed by a
 * reset, so that the settings end with it as they do when it runs by itself.
 */
function sections(halves: readonly (readonly [Migration, MigrationBody | null])[], dialect: Dialect): string[] {
  const texts = halves.flatMap(([migration, body]) => {
    const text = body && sqlOf(migration, body, dialect)
    return text ? [{ name: labelOf(migration), text }] : []
  })
  // Every part gets the reset, even one that sets nothing itself: it may call a function that does.
  const { resetSession } = DIALECTS[dialect]
  const resets = resetSession !== '' && texts.some(({ text }) => leavesSettings(readScript(text, dialect)))
  const reset = resets ? `\n${resetSession}` : ''
  return texts.map(({ name, text }) => `-- ${name}\n${text}${reset}`)
}

function sqlOf(migration: Migration, body: MigrationBody, dialect: Dialect): string {
  const file = migration.up ?? labelOf(migration)
  if (body.kind === 'code') {
    throw new UsageError(`${file} is code, which cannot be squashed into SQL.`, { hint: HINT })
  }
  if (isNil(body, dialect)) return ''
  const { text, statements, clientText } = readScript(body.text, dialect)
  if (statements.some(({ start }) => /^(?:begin|start)\b/i.test(text.slice(start)))) {
    throw new UsageError(`${file} begins and ends transactions of its own, which cannot run inside another one.`, {
      hint: HINT,
    })
  }
  const whole = dialect === 'mysql' ? clientText() : withoutConcurrently(text, statements, dialect)
  return withEnd(withoutDirectives(whole, dialect), dialect).trim()
}

const HINT = 'Squash the migrations before it, or those after it.'

/** Removes the `-- migrate: …` lines, because they apply to a whole file. */
function withoutDirectives(text: string, dialect: Dialect): string {
  const said = [...tokenize(text, dialect)].filter(
    ({ kind, start, end }) => kind === 'comment' && /^--[ \t]*migrate:/.test(text.slice(start, end)),
  )
  return said.reduceRight((out, { start, end }) => {
    const rest = out.slice(end)
    // Remove the whole line if there is nothing else in it.
    const alone = /(?:^|\n)[ \t]*$/.test(out.slice(0, start))
    return out.slice(0, start) + (alone ? rest.replace(/^\r?\n/, '') : rest)
  }, text)
}

/**
 * Removes CONCURRENTLY, which cannot run inside a transaction. A database that is being created has no other users who
 * would have to wait for its tables.
 */
function withoutConcurrently(
  text: string,
  statements: readonly { start: number; end: number; words: readonly string[] }[],
  dialect: Dialect,
): string {
  return statements.reduceRight((out, { start, end, words: [first, second, third] }) => {
    const ofIndex = second === 'index' || (second === 'unique' && third === 'index')
    const may =
      ((first === 'create' || first === 'drop') && ofIndex) ||
      first === 'reindex' ||
      (first === 'alter' && second === 'table')
    if (!may) return out
    const sql = out.slice(start, end)
    const word = [...tokenize(sql, dialect)].find(
      (token) => token.kind === 'word' && /^concurrently$/i.test(sql.slice(token.start, token.end)),
    )
    if (!word) return out
    return out.slice(0, start) + sql.slice(0, word.start) + sql.slice(word.end).replace(/^[ \t]+/, '') + out.slice(end)
  }, text)
}
