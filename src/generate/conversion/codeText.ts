/** The text of a generated migration with a split or a merge: TypeScript, with the two functions that a person fills in. Pure. */
import type { Dialect } from '../../sql/dialect.ts'
import { destroyedBy } from '../destroying.ts'
import type { RowConversion, Statement } from '../statement.ts'
import { notRestored, overwrittenBy, sentTexts } from '../text.ts'

/** Returns whether a person has to write code for it. */
export function isCode(statements: readonly Statement[]): boolean {
  return statements.some(({ converts }) => converts !== undefined)
}

/** Returns the file of a migration, which cannot be loaded before its functions are filled in. */
export function codeText(
  up: readonly Statement[],
  down: readonly Statement[],
  dialect: Dialect,
  changed: readonly string[],
): string {
  const ways = up.flatMap(({ converts }) => converts ?? [])
  const backs = down.flatMap(({ converts }) => converts ?? [])
  const numbers = ways.map((_, i) => (ways.length === 1 ? '' : String(i + 1)))
  const parts = ways.map((way, i) => functions(way, numbers[i] ?? ''))
  const back = (conversion: RowConversion) => numbers[backs.indexOf(conversion)] ?? ''
  const calls = (statements: readonly Statement[], name: (conversion: RowConversion) => string) =>
    statements.flatMap((statement) => call(statement, dialect, name)).map((line) => `    ${line}`)
  const asComments = (lines: string) =>
    lines.split('\n').flatMap((line) => (line === '' ? [] : [line.replace('--', '    //')]))
  return `import { convertRows, defineMigration, fillIn } from 'migratest'

// ${ways.map(summary).join('; ')}.
// Put a function in the place of each fillIn(…): it gets the old values of a row and returns the new ones.

${parts.join('\n')}
export default defineMigration({
  async up(migration) {
${[...asComments(overwrittenBy(up, changed)), ...calls(up, (one) => `newValues${numbers[ways.indexOf(one)] ?? ''}`)].join('\n')}
  },
  async down(migration) {
${[...asComments(notRestored(up, changed)), ...calls(down, (one) => `oldValues${back(one)}`)].join('\n')}
  },
})
`
}

/** Returns which functions are to be filled in, and where: `newValues (line 16) and oldValues (line 19)`. */
export function placesToFillIn(code: string): string {
  return code
    .split('\n')
    .flatMap((line, i) => {
      const [, name] = /^const (\w+): .* = fillIn\(/.exec(line) ?? []
      return name === undefined ? [] : [`${name} (line ${i + 1})`]
    })
    .join(', ')
    .replace(/, (?=[^,]*$)/, ' and ')
}

// --- internal ---

function summary({ table, from, to }: RowConversion): string {
  const listed = (columns: RowConversion['from']) => columns.map(({ name }) => name).join(', ')
  return `${table}: ${listed(from)} ${from.length === 1 ? 'becomes' : 'become'} ${listed(to)}`.replaceAll(/\s+/g, ' ')
}

function functions({ from, to }: RowConversion, number: string): string {
  const example = (given: RowConversion['from'], made: RowConversion['from']) =>
    `({ ${given.map(({ name }) => property(name)).join(', ')} }) => ({ ${made.map(({ name }) => `${property(name)}: …`).join(', ')} })`.replaceAll(
      '*/',
      '* /',
    )
  return `interface Old${number} {
${fields(from)}
}

interface New${number} {
${fields(to)}
}

/** For the up, such as ${example(from, to)} */
const newValues${number}: (row: Old${number}) => New${number} = fillIn(${text(`what a row gets in ${named(to)}`)})

/** For the down, such as ${example(to, from)} */
const oldValues${number}: (row: New${number}) => Old${number} = fillIn(${text(`what a row gets in ${named(from)}`)})
`
}

function fields(columns: RowConversion['from']): string {
  return columns.map(({ name, type }) => `  ${property(name)}: ${type}`).join('\n')
}

function named(columns: RowConversion['from']): string {
  return columns
    .map(({ name }) => name)
    .join(' and ')
    .replaceAll(/\s+/g, ' ')
}

/** Returns the lines that do what a statement does. */
function call(statement: Statement, dialect: Dialect, name: (conversion: RowConversion) => string): string[] {
  const { converts, comment, blocks } = statement
  if (converts) {
    const { table, key, from, to } = converts
    const list = (columns: readonly string[]) => `[${columns.map(text).join(', ')}]`
    const names = (columns: RowConversion['from']) => list(columns.map((column) => column.name))
    return [
      `await convertRows(migration, ${name(converts)}, {`,
      `  table: ${text(table)},`,
      `  key: ${list(key)},`,
      `  from: ${names(from)},`,
      `  to: ${names(to)},`,
      '})',
    ]
  }
  return [
    ...destroyedBy(statement).map((object) => `// migrate: destroys ${object}`),
    ...[comment, blocks].flatMap((line) => (line === undefined ? [] : [`// ${line}`])),
    ...sentTexts(statement.sql, dialect).map((sql) => `await migration.sql(${text(sql.trim().replace(/;$/, ''))})`),
  ]
}

function property(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)
}

/** A literal of TypeScript: quotes around one line, else a template. */
function text(value: string): string {
  if (/[\r\n]/.test(value)) return `\`${value.replaceAll(/[\\`]|\$(?=\{)/g, '\\$&')}\``
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'"
  return `${quote}${value.replaceAll(/\\/g, '\\\\').replaceAll(quote, `\\${quote}`)}${quote}`
}
