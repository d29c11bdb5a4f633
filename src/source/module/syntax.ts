/** What can be read off a migration's code without running it: its halves apart, and what it says of others. */

import type { Direction } from '../../migrate/source.ts'
import { fingerprintOf } from '../../sql/script.ts'
import { asJavaScript, type Compiled } from './compile.ts'
import type { Toolchain } from './toolchain.ts'

/**
 * 32 hex digits over one half and all that both share. Comments and white space don't count, nor does the other half:
 * a down may be written later.
 * @param named the modules with names that are the same on every machine, the entry first
 */
export function fingerprintOfCode(
  tools: Toolchain,
  named: readonly (readonly [string, Compiled])[],
  half: Direction,
): string {
  const other = half === 'up' ? 'down' : 'up'
  const parts = named.flatMap(([name, compiled], index) => {
    if (index > 0) return [name, wholeOf(tools, compiled)]
    return [name, withoutComments(tools, compiled.path, without(tools, compiled, other))]
  })
  return fingerprintOf(['code', half, ...parts])
}

/** Strings and numbers of an array that is written out, as `dependsOn: ['0004_users']`; null where it is something else. */
export function literalList(
  tools: Toolchain,
  { path, code }: Pick<Compiled, 'path' | 'code'>,
  name: string,
): (string | number)[] | null | undefined {
  const value = members(parse(tools, path, code)).find((member) => member.name === name)?.value
  if (value === undefined) return undefined
  const items = value.type === 'ArrayExpression' ? value.elements : [value]
  const values = items?.map((item) => item?.value)
  return values?.every((item) => typeof item === 'string' || typeof item === 'number')
    ? (values as (string | number)[])
    : null
}

// --- internal ---

/** Helpers are part of many migrations. */
const whole = new WeakMap<Compiled, string>()

function wholeOf(tools: Toolchain, compiled: Compiled): string {
  const known = whole.get(compiled)
  if (known !== undefined) return known
  const { kind, path, code } = compiled
  const text = kind === 'json' ? JSON.stringify(JSON.parse(code)) : withoutComments(tools, path, code)
  whole.set(compiled, text)
  return text
}

/** Of a syntax tree, what is looked at here. */
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
}

interface Member {
  readonly name: string
  readonly value: Node | undefined
  /** What to leave out for a text without it. */
  readonly whole: Node
}

function parse({ parseSync }: Toolchain, path: string, code: string): Node {
  return parseSync(asJavaScript(path), code).program as unknown as Node
}

/** What the module exports by name, or in the object that it exports by default or registers. */
function members(program: Node): Member[] {
  return (program.body ?? []).flatMap((statement): Member[] => {
    if (statement.type === 'ExportNamedDeclaration' && statement.declaration) {
      const { declaration } = statement
      if (declaration.id?.name) return [{ name: declaration.id.name, value: declaration, whole: statement }]
      const [only, second] = declaration.declarations ?? []
      return only?.id?.name && !second ? [{ name: only.id.name, value: only.init ?? undefined, whole: statement }] : []
    }
    const object = describedBy(statement)
    return (object?.properties ?? []).flatMap((property) => {
      const name = property.key?.name ?? property.key?.value
      return typeof name === 'string' ? [{ name, value: property.value as Node, whole: property }] : []
    })
  })
}

/** The object in `export default { … }`, `export default defineMigration({ … })` and `register({ … })`. */
function describedBy(statement: Node): Node | undefined {
  const said =
    statement.type === 'ExportDefaultDeclaration'
      ? statement.declaration
      : statement.type === 'ExpressionStatement' && statement.expression?.callee?.name === 'register'
        ? statement.expression
        : undefined
  const object = said?.type === 'CallExpression' ? said.arguments?.[0] : said
  return object?.type === 'ObjectExpression' ? object : undefined
}

/** Cut out together with the comma behind it: a trailing comma more or less is none in what is compared. */
function without(tools: Toolchain, { path, code }: Compiled, half: Direction): string {
  const cuts = members(parse(tools, path, code)).filter(({ name }) => name === half || name === 'dependsOn')
  return cuts.reduceRight((text, { whole: { start, end } }) => {
    const behind = /^\s*,/.exec(text.slice(end))?.[0].length ?? 0
    return text.slice(0, start) + text.slice(end + behind)
  }, code)
}

function withoutComments({ minifySync }: Toolchain, path: string, code: string): string {
  const minified = minifySync(asJavaScript(path), code, { compress: false, mangle: false })
  return minified.code || code
}
