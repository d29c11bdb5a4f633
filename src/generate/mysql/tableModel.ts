/** A table as its CREATE TABLE says it, in the parts that ALTER TABLE can change. */
import type { SchemaObject } from '../../schema/model.ts'
import { bare, cutList, namesIn, plainName, within } from './text.ts'

export interface Column {
  readonly name: string
  /** Everything after the name. */
  readonly definition: string
  readonly generated: 'virtual' | 'stored' | null
  /** Whether a renamed column is in its expression, so that it is made again. */
  readonly touched: boolean
}

export interface Key {
  /** `PRIMARY` for the primary key. */
  readonly name: string
  /** Everything but the name: `UNIQUE KEY` and what follows the name. */
  readonly before: string
  readonly after: string
  /** Whether a renamed column is in an expression of it. */
  readonly touched: boolean
}

export interface Check {
  readonly name: string
  /** `CHECK (…)`, with `NOT ENFORCED` where it is not. */
  readonly definition: string
  readonly touched: boolean
}

export interface ForeignKey {
  readonly name: string
  readonly table: string
  readonly columns: readonly string[]
  /** The table that it refers to, of this database; undefined for one of another database. */
  readonly refTable: string | undefined
  readonly refColumns: readonly string[]
  /** `FOREIGN KEY (…) REFERENCES … …`. */
  readonly definition: string
}

export interface Table {
  readonly name: string
  readonly columns: readonly Column[]
  readonly keys: readonly Key[]
  readonly checks: readonly Check[]
  /** `PERIOD FOR …`, of MariaDB. */
  readonly periods: readonly string[]
  /** Such as `ENGINE` → `InnoDB`, in the order in which they are printed. */
  readonly options: ReadonlyMap<string, string>
  readonly versioned: boolean
  /** `PARTITION BY …` without the comment around it. */
  readonly partition: string | undefined
  /** Options that begin a comment of their own, such as TABLESPACE; compared as they are. */
  readonly head: string
}

export function readTable({ name, head, members, tail }: SchemaObject): Table {
  const texts = members.map(({ text }) => text)
  const { options, versioned, partition } = readTail(tail)
  return {
    name: plainName(name),
    head: head.replace(/`(?:[^`]|``)*`/, ''),
    columns: texts.filter((text) => text.startsWith('`')).map(readColumn),
    keys: texts.filter((text) => KEY.test(text)).map(readKey),
    checks: texts.filter((text) => text.startsWith('CONSTRAINT ')).map(readCheck),
    periods: texts.filter((text) => text.startsWith('PERIOD ')),
    options,
    versioned,
    partition,
  }
}

/** Reads `ALTER TABLE … ADD CONSTRAINT … FOREIGN KEY …`. */
export function readForeignKey({ name, table, head }: SchemaObject): ForeignKey {
  const definition = head.slice(head.indexOf(' FOREIGN KEY ') + 1).replace(/;$/, '')
  const own = within(definition, definition.indexOf('('))
  const rest = definition.slice(own.end)
  const columns = rest.indexOf('(', bare(rest).indexOf('('))
  const target = namesIn(rest.slice(0, columns))
  return {
    name: plainName(name),
    table: plainName(table ?? ''),
    columns: namesIn(own.inner),
    refTable: target.length === 1 ? target[0] : undefined,
    refColumns: namesIn(within(rest, columns).inner),
    definition,
  }
}

/** The type with its character set and collation, without everything that follows. */
export function typeOf({ definition }: Column): string {
  const end = bare(definition).search(
    / (?:NOT NULL|NULL|DEFAULT|COMMENT|AUTO_INCREMENT|GENERATED|ON UPDATE|CHECK|INVISIBLE|SRID|\/\*)/,
  )
  return end === -1 ? definition : definition.slice(0, end)
}

/** The values of an enum or set, as literals; undefined for other types. */
export function valuesOf(column: Column): string[] | undefined {
  const start = /^(?:enum|set)\(/i.exec(column.definition)
  return start ? cutList(within(column.definition, start[0].length - 1).inner) : undefined
}

export function isNotNull({ definition }: Column): boolean {
  return / NOT NULL\b/.test(bare(definition))
}

export function hasDefault({ definition }: Column): boolean {
  return / DEFAULT | AUTO_INCREMENT\b/.test(bare(definition))
}

/** Whether an index is on an expression. */
export function isFunctional({ after }: Key): boolean {
  return /[(,]\(/.test(bare(after))
}

// --- internal ---

const KEY = /^(?:PRIMARY KEY|(?:[A-Z]+ )?KEY `)/

function readColumn(text: string): Column {
  const name = /^`(?:[^`]|``)*`/.exec(text)?.[0] ?? ''
  const definition = text.slice(name.length + 1)
  return { name: plainName(name), definition, generated: generatedOf(definition), touched: false }
}

function readKey(text: string): Key {
  const primary = /^PRIMARY KEY /.exec(text)
  if (primary) return { name: 'PRIMARY', before: 'PRIMARY KEY', after: text.slice(primary[0].length), touched: false }
  const [whole = '', before = '', name = ''] = /^([A-Z ]*KEY) (`(?:[^`]|``)*`) ?/.exec(text) ?? []
  return { name: plainName(name), before, after: text.slice(whole.length), touched: false }
}

function readCheck(text: string): Check {
  const [whole = '', name = ''] = /^CONSTRAINT (`(?:[^`]|``)*`) /.exec(text) ?? []
  return { name: plainName(name), definition: text.slice(whole.length), touched: false }
}

function generatedOf(definition: string): Column['generated'] {
  const plain = bare(definition)
  const at = plain.search(/ GENERATED ALWAYS AS \(/)
  if (at === -1) return null
  const { end } = within(definition, plain.indexOf('(', at))
  return /^ (?:STORED|PERSISTENT)\b/.test(plain.slice(end)) ? 'stored' : 'virtual'
}

function readTail(tail: string): Pick<Table, 'options' | 'versioned' | 'partition'> {
  const text = tail.replace(/;$/, '').replace(/^\)\s*/, '')
  const at = bare(text).search(/\n(?:\/\*!\d+)? ?PARTITION BY /)
  const partition =
    at === -1
      ? undefined
      : text
          .slice(at)
          .replace(/^\n(?:\/\*!\d+)? ?/, '')
          .replace(/ \*\/$/, '')
  const rest = (at === -1 ? text : text.slice(0, at)).replace(/\/\*!\d+ |\*\//g, ' ')
  const versioned = /\bWITH SYSTEM VERSIONING\b/.test(bare(rest))
  const options = new Map<string, string>()
  for (const [, name = '', value = ''] of rest.matchAll(OPTION)) options.set(name.replace(/^DEFAULT /, ''), value)
  return { options, versioned, partition }
}

const OPTION = /((?:DEFAULT |DATA |INDEX )?\w+|`\w+`) ?= ?('(?:[^'\\]|''|\\.)*'|\((?:[^()]|`[^`]*`)*\)|[^\s'(]+)/gs
