/** Reads answers: from options such as `--rename`, and from a file of questions with their answers. */
import { UsageError } from '../../migrate/errors.ts'
import { nearest } from '../../migrate/nearest.ts'
import type { Schema } from '../../schema/schema.ts'
import { ownColumns } from '../columns.ts'
import { CONVERTS, checkConversion, conversionText, readConversion } from '../conversion/conversion.ts'
import { DESTROY_WAYS, type DestroyWay } from '../destroying.ts'
import type { Conversion, Rename } from '../hints.ts'
import type { Answered } from './questions.ts'

/** Answers as people write them. */
export interface GivenAnswers {
  /** `column users.name = users.full_name` each. */
  readonly renames?: readonly string[]
  /** `false`: nothing is a rename, except what `renames` says. */
  readonly askRenames?: boolean
  /** `users.country='DE'` each: name and expression. */
  readonly fill?: readonly string[]
  /** `mood.lost=new` each: the enum value that goes, and what its rows get. */
  readonly map?: readonly string[]
  /** `users.age=age::integer` each: name and expression. */
  readonly using?: readonly string[]
  /** Columns that become others, by code: `column users.name = users.first_name, users.last_name` each, or the other way round. */
  readonly conversions?: readonly string[]
  /**
   * The fate of tables and columns that are not wanted any more: `drop`, `aside` or `leave` for all, `aside=users.old` for one.
   * `true` is `drop`.
   */
  readonly destroy?: boolean | readonly string[]
  /** Answers by the id of their question. */
  readonly byId?: Readonly<Record<string, string>>
}

export interface ReadAnswers extends Answered {
  /** The decision for tables and columns that are not named. */
  readonly usual: DestroyWay | undefined
  /** By the name with or without its kind. */
  readonly ways: ReadonlyMap<string, DestroyWay>
}

/** @throws UsageError for what cannot be read, and for names that neither side has */
export function readAnswers(given: GivenAnswers, from: Schema, to: Schema): ReadAnswers {
  const renames = (given.renames ?? []).map(readRename).map(({ kind, old, new: now }) => ({
    kind,
    old: asWritten(old, from),
    new: asWritten(now, to),
  }))
  const fill = new Map(pairs(given.fill, '--fill').map(([name, value]) => [asWritten(name, to), value]))
  const map = new Map(pairs(given.map, '--map').map(([name, value]) => [asValue(name), asLiteral(value)]))
  const using = new Map(pairs(given.using, '--using').map(([name, value]) => [asWritten(name, to), value]))
  const [usual, ways] = readDestroy(given.destroy)
  const converted = [...(given.conversions ?? [])]
  const notRenamed = new Set<string>(given.askRenames === false ? ['all'] : [])
  for (const [id, answer] of Object.entries(given.byId ?? {})) {
    const [, kind = '', object = ''] = /^(\w+) (.*)$/s.exec(id) ?? []
    if (kind === 'rename' && answer === 'no') notRenamed.add(id)
    else if (kind === 'rename' && CONVERTS.test(answer)) converted.push(answer)
    else if (kind === 'rename') renames.push(readRename(`${object} = ${answer}`))
    else if (kind === 'fill') fill.set(object, answer)
    else if (kind === 'map') map.set(asValue(object), asLiteral(answer))
    else if (kind === 'using') using.set(object, answer)
    else if (kind === 'destroy') ways.set(object, wayOf(answer))
    else throw new UsageError(`"${id}" is not a question.`)
  }
  for (const rename of renames) {
    check(rename.kind, rename.old, from, 'The migrations make no')
    check(rename.kind, rename.new, to, 'The wanted schema has no')
  }
  const tableNow = (old: string) => renames.find((rename) => rename.kind === 'table' && rename.old === old)?.new ?? old
  const conversions = unique(converted.map((text) => readConversion(text, tableNow))).map((one) => ({
    old: one.old.map((name) => asWritten(name, from)),
    new: one.new.map((name) => asWritten(name, to)),
  }))
  const answers = { renames, fill, map, using, conversions }
  for (const one of conversions) checkConversion(one, from, to, answers)
  const isDestroyed = (object: string) =>
    usual !== undefined || ways.has(object) || ways.has(object.replace(/^\w+ /, ''))
  return { answers, notRenamed, usual, ways, isDestroyed }
}

/** @throws UsageError unless it reads `KIND OLD = NEW` */
function readRename(text: string): Rename {
  const [, kind = '', old = '', now = ''] = /^\s*([a-z-]+)\s+(.+?)\s*=\s*(.+?)\s*$/s.exec(text) ?? []
  if (!KINDS.includes(kind)) {
    throw new UsageError(`"${text}" says no rename.`, {
      hint: `Write: --rename 'column users.name = users.full_name'. Kinds: ${KINDS.join(', ')}.`,
    })
  }
  return { kind, old, new: now }
}

// --- internal ---

const KINDS = [
  'table',
  'column',
  'index',
  'constraint',
  'type',
  'value',
  'view',
  'sequence',
  'function',
  'trigger',
  'policy',
  'schema',
]

function readDestroy(given: GivenAnswers['destroy']): [DestroyWay | undefined, Map<string, DestroyWay>] {
  if (typeof given === 'boolean' || given === undefined) return [given ? 'drop' : undefined, new Map()]
  const ways = new Map<string, DestroyWay>()
  let usual: DestroyWay | undefined
  for (const text of given) {
    const [, way = '', name] = /^(\w+)(?:=(.+))?$/s.exec(text) ?? []
    if (name === undefined) usual = wayOf(way)
    else ways.set(name, wayOf(way))
  }
  return [usual, ways]
}

function wayOf(text: string): DestroyWay {
  const way = DESTROY_WAYS.find((one) => one === text)
  if (way) return way
  throw new UsageError(`"${text}" is no way to destroy.`, {
    hint: 'Ways: drop, aside, leave. For one thing only: --destroy aside=users.old',
  })
}

function pairs(list: readonly string[] | undefined, option: string): [string, string][] {
  return (list ?? []).map((text) => {
    const [, name = '', value = ''] = /^\s*((?:"(?:[^"]|"")*"|`(?:[^`]|``)*`|[^=])+?)\s*=(.*)$/s.exec(text) ?? []
    if (name === '' || value.trim() === '') {
      throw new UsageError(`${option} "${text}" is not NAME=VALUE.`, { hint: `For example: ${EXAMPLES[option]}` })
    }
    return [name, value.trim()]
  })
}

const EXAMPLES: Readonly<Record<string, string>> = {
  '--fill': `--fill "users.country='DE'"`,
  '--map': '--map mood.lost=new',
  '--using': `--using "users.age=nullif(age, '')::integer"`,
}

/** The same answer counts once, however often it is given. @throws UsageError for a column in two of them */
function unique(conversions: readonly Conversion[]): Conversion[] {
  const byText = new Map(conversions.map((one) => [conversionText(one), one]))
  const seen = new Set<string>()
  for (const name of [...byText.values()].flatMap((one) => [...one.old, ...one.new])) {
    if (seen.has(name)) throw new UsageError(`${name} is in two splits or merges.`)
    seen.add(name)
  }
  return [...byText.values()]
}

function asLiteral(value: string): string {
  return /^'.*'$/s.test(value) ? value : `'${value.replaceAll("'", "''")}'`
}

/** The name of an enum's value, which is a literal behind its type: `mood.'lost'`. */
function asValue(name: string): string {
  const [, type = '', value = ''] = /^(.*)\.('(?:[^']|'')*'|[^.]+)$/s.exec(name) ?? []
  return `${type}.${asLiteral(value)}`
}

/** Returns the name as the schema writes it: what is in `public` stands without its schema. */
function asWritten(name: string, { objects }: Schema): string {
  const isTable = objects.some(({ kind, name: other }) => kind === 'table' && other === 'public')
  return name.startsWith('public.') && !isTable ? name.slice('public.'.length) : name
}

/** Throws if a side has no table or column of that name. */
function check(kind: string, name: string, schema: Schema, what: string): void {
  const known =
    kind === 'table'
      ? schema.objects.filter((object) => object.kind === 'table').map((object) => object.name)
      : kind === 'column'
        ? schema.objects.flatMap((object) =>
            object.kind === 'view'
              ? object.columns.map((column) => `${object.name}.${column.name}`)
              : ownColumns(object).map(({ label }) => `${object.name}.${label}`),
          )
        : undefined
  if (!known || known.includes(name)) return
  const meant = nearest(name, known)
  throw new UsageError(`${what} ${kind} ${name}.`, { hint: meant && `Did you mean ${meant}?` })
}
