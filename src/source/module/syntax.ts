/** Reads facts from a migration's code without running it: the text of each half, and its relations to others. */

import type { Direction } from '../../migrate/source.ts'
import { fingerprintOf } from '../../sql/script.ts'
import type { Compiled } from './compile.ts'
import { tools } from './toolchain.ts'
import { asJavaScript, withoutComments } from './transform.ts'

/**
 * Returns 32 hex digits: a hash of one half and of everything that both halves share. Comments and white space do not
 * count, nor does the other half, since a down may be written later.
 * @param named the modules with names that are the same on every machine, the entry first
 */
export function fingerprintOfCode(named: readonly (readonly [string, Compiled])[], half: Direction): string {
  const parts = named.flatMap(([name, compiled], index) => {
    if (index > 0) return [name, wholeOf(compiled)]
    return [name, compiled.kind === 'json' ? compiled.code : halvesOf(compiled)[half]]
  })
  return fingerprintOf(['code', half, ...parts])
}

/**
 * Returns the strings and numbers of an array literal, such as `dependsOn: ['0004_users']`; null if the value is
 * anything else; undefined if there is none.
 */
export function literalList(
  { path, code }: Pick<Compiled, 'path' | 'code'>,
  name: string,
): (string | number)[] | null | undefined {
  const value = members(parse(path, code)).find((member) => member.name === name)?.value
  if (value === undefined) return undefined
  const items = value.type === 'ArrayExpression' ? value.elements : [value]
  const values = items?.map((item) => item?.value)
  return values?.every((item) => typeof item === 'string' || typeof item === 'number')
    ? (values as (string | number)[])
    : null
}

// --- internal ---

/** Returns the text of each half with everything that both share. */
function halvesOf(compiled: Compiled): Readonly<Record<Direction, string>> {
  const { texts, path, code } = compiled
  if (texts.halves) return texts.halves
  const found = members(parse(path, code))
  texts.halves = { up: without(compiled, found, 'down'), down: without(compiled, found, 'up') }
  return texts.halves
}

function wholeOf({ kind, path, code, texts }: Compiled): string {
  texts.whole ??= kind === 'json' ? JSON.stringify(JSON.parse(code)) : withoutComments(path, code)
  return texts.whole
}

/** The properties of a syntax tree's node that we read. */
interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly name?: string
  readonly value?: unknown
  readonly body?: readonly Node[]
  readonly declaration?: Node | null
  readonly declarations?: readonly Node[]
  readonly id?: Node | null
  readonly init?: Node | null
  readonly expression?: Node
  readonly callee?: Node
  readonly arguments?: readonly Node[]
  readonly properties?: readonly Node[]
  readonly elements?: readonly (Node | null)[]
  readonly key?: Node
  readonly computed?: boolean
  readonly specifiers?: readonly Node[]
  readonly source?: Node | null
  readonly exported?: Node
  readonly local?: Node
}

interface Member {
  readonly name: string
  readonly value: Node | undefined
  /** The nodes to remove for a text without this member. */
  readonly whole: readonly Node[]
  /** Another name of the member, which must not occur in the rest either. */
  readonly alias?: string | undefined
}

/** The value of a name at the top level. */
interface Binding {
  readonly value: Node | undefined
  readonly statement: Node
}

function parse(path: string, code: string): Node {
  return tools().parseSync(asJavaScript(path), code).program as unknown as Node
}

function bindingsIn({ body = [] }: Node): Map<string, Binding> {
  const found = new Map<string, Binding>()
  for (const statement of body) {
    if (statement.type === 'FunctionDeclaration' && statement.id?.name) {
      found.set(statement.id.name, { value: statement, statement })
    }
    const [only, second] = statement.declarations ?? []
    if (only?.id?.name && !second) found.set(only.id.name, { value: only.init ?? undefined, statement })
  }
  return found
}

/** Returns the members that the module exports by name, or in the object that it exports by default or registers. */
function members(program: Node): Member[] {
  const bindings = bindingsIn(program)
  const bound = (name: string, local: string | undefined, whole: Node): Member => {
    const binding = local === undefined ? undefined : bindings.get(local)
    return { name, value: binding?.value, whole: binding ? [whole, binding.statement] : [whole], alias: local }
  }
  return (program.body ?? []).flatMap((statement): Member[] => {
    const { declaration, specifiers = [], source } = statement
    if (statement.type === 'ExportNamedDeclaration' && declaration) {
      if (declaration.id?.name) return [{ name: declaration.id.name, value: declaration, whole: [statement] }]
      const [only, second] = declaration.declarations ?? []
      return only?.id?.name && !second
        ? [{ name: only.id.name, value: only.init ?? undefined, whole: [statement] }]
        : []
    }
    if (statement.type === 'ExportNamedDeclaration' && !source) {
      return specifiers.map((specifier) => bound(specifier.exported?.name ?? '', specifier.local?.name, specifier))
    }
    return (describedBy(statement, bindings)?.properties ?? []).flatMap((property) => {
      const name = property.key?.name ?? property.key?.value
      if (typeof name !== 'string' || property.computed) return []
      const value = property.value as Node
      return value.type === 'Identifier' ? [bound(name, value.name, property)] : [{ name, value, whole: [property] }]
    })
  })
}

/** Returns the object in `export default { … }`, `export default defineMigration({ … })` or `register({ … })`. */
function describedBy(statement: Node, bindings: ReadonlyMap<string, Binding>): Node | undefined {
  const said =
    statement.type === 'ExportDefaultDeclaration'
      ? statement.declaration
      : statement.expression?.callee?.name === 'register'
        ? statement.expression
        : undefined
  const called = said?.type === 'CallExpression' && ['defineMigration', 'register'].includes(said.callee?.name ?? '')
  const given = called ? said.arguments?.[0] : said
  const object = given?.type === 'Identifier' ? bindings.get(given.name ?? '')?.value : given
  return object?.type === 'ObjectExpression' ? object : undefined
}

/**
 * Returns the text without one half and without comments. If the rest still mentions that half, returns everything: an
 * up that calls its down does what both say.
 */
function without({ path, code }: Compiled, found: readonly Member[], half: Direction): string {
  const cuts = found.filter(({ name }) => name === half || name === 'dependsOn')
  const rest = cut(code, cuts)
  const spoken = cuts.flatMap(({ name, alias }) => [name, ...(alias ? [alias] : [])])
  const cleaned = rest === code ? undefined : withoutComments(path, rest)
  const ofBoth =
    cleaned !== undefined &&
    new RegExp(`(?<![\\w$])(?:this|${spoken.map((word) => word.replace(/[$]/g, '\\$&')).join('|')})(?![\\w$])`).test(
      cleaned,
    )
  return ofBoth || cleaned === undefined ? withoutComments(path, code) : cleaned
}

/**
 * Removes each member together with the comma after it, so that a trailing comma makes no difference in comparisons.
 */
function cut(code: string, members: readonly Member[]): string {
  const ranges = [...new Map(members.flatMap(({ whole }) => whole).map((node) => [node.start, node])).values()]
  return ranges
    .sort((a, b) => b.start - a.start)
    .reduce((text, { start, end }) => {
      const behind = /^\s*,/.exec(text.slice(end))?.[0].length ?? 0
      return text.slice(0, start) + text.slice(end + behind)
    }, code)
}
