/** Finds what code reads besides its own text: variables of the environment and files that it names. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What a module reads, as far as its text tells it. */
export interface Reads {
  /** Names of variables of the environment. */
  readonly variables: readonly string[]
  /** Absolute paths of files. */
  readonly files: readonly string[]
  /** The rest of the code, without these places. */
  readonly rest: string
}

/**
 * Finds variables and files whose names are written out, such as `process.env.REGION` and
 * `readFileSync(join(__dirname, 'split.sql'))`. Other places stay in the rest.
 * @param path the module's own path
 * @param code JavaScript without comments and white space
 */
export function readsOf(path: string, code: string): Reads {
  const variables = new Set<string>()
  const files = new Set<string>()
  const withoutVariables = code.replaceAll(VARIABLE, (_, dotted, __, quoted) => {
    variables.add(dotted ?? quoted)
    return 'undefined'
  })
  const constants = new Map<string, string>()
  const named = withoutVariables.replaceAll(CONSTANT, (whole, name: string, text: string) => {
    const file = fileIn(path, text)
    // A name that gets another value elsewhere says nothing.
    if (file === undefined || count(withoutVariables, `${escaped(name)}=(?!=)`) !== 1) return whole
    constants.set(name, file)
    return `${name}=""`
  })
  // A name that is also a parameter somewhere could mean another file there.
  const isOnlyRead = (name: string) =>
    count(named, `${escaped(name)}(?![\\w$])`) ===
    1 + count(named, `(?:readFileSync|readFile)\\(${escaped(name)}(?=[,)])`)
  const rest = named.replaceAll(CALL, (whole, given: string) => {
    const constant = constants.get(given)
    const file = constant === undefined ? fileIn(path, given) : isOnlyRead(given) ? constant : undefined
    if (file === undefined) return whole
    files.add(file)
    return 'known('
  })
  return { variables: [...variables].sort(), files: [...files].sort(), rest: withoutImports(rest) }
}

/**
 * Returns a text that is the same as long as the variables and files are; undefined if a file is missing.
 * @param path the module's own path, from which the files are named on every machine
 */
export function stateOf(path: string, { variables, files }: Pick<Reads, 'variables' | 'files'>): string | undefined {
  const texts = variables.map((name) => `variable ${name} ${JSON.stringify(process.env[name] ?? null)}`)
  for (const file of files) {
    if (!existsSync(file) || !statSync(file).isFile()) return undefined
    const hash = createHash('sha256').update(readFileSync(file)).digest('hex')
    texts.push(`file ${relative(dirname(path), file)} ${hash}`)
  }
  return texts.join('\n')
}

// --- internal ---

/** `process.env.NAME` and `process.env["NAME"]`. */
const VARIABLE = /\bprocess\.env(?:\.([A-Za-z_]\w*)|\[(["'`])(\w+)\2\])(?!\w)/g

const STRING = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`$\\]*`/.source
const HERE = /(?:__dirname|import\.meta\.dirname)/.source

/** Expressions for a path all of whose parts are written out. */
const PATH = [
  `(?:[\\w$]+\\.)?(?:join|resolve)\\(${HERE}(?:,(?:${STRING}))+\\)`,
  `new URL\\((?:${STRING}),import\\.meta\\.url\\)`,
  `${HERE}\\+(?:${STRING})`,
  `\`\\$\\{${HERE}\\}[^\`$\\\\]*\``,
  STRING,
].join('|')

const CONSTANT = new RegExp(`(?<=\\b(?:const|let|var) |,)([A-Za-z_$][\\w$]*)=(${PATH})(?=[,;\\n])`, 'g')

/** A call that reads one file: the functions of `node:fs`, however they were imported. */
const CALL = new RegExp(
  `(?:\\b[\\w$]+\\.)?(?:promises\\.)?\\b(?:readFileSync|readFile)\\(((?:${PATH})|[A-Za-z_$][\\w$]*)(?=[,)])`,
  'g',
)

/** Imports of nothing but reading functions, and of the whole module under the name `fs`. */
const IMPORTS = [
  /\bimport\s*\{\s*(?:readFileSync|readFile|promises)(?:\s*,\s*(?:readFileSync|readFile|promises))*\s*\}\s*from\s*(["'])(?:node:)?fs(?:\/promises)?\1;?/g,
  /\bimport\s*(?:\*\s*as\s+)?fs\s*from\s*(["'])(?:node:)?fs(?:\/promises)?\1;?/g,
  /(?<=\b(?:const|let|var)\s*|,\s*)(?:fs|\{\s*(?:readFileSync|readFile|promises)(?:\s*,\s*(?:readFileSync|readFile|promises))*\s*\})\s*=\s*require\((["'`])(?:node:)?fs(?:\/promises)?\1\)(?:\.promises)?;?/g,
]

/** Removes the imports of `fs` if nothing else of it is used. */
function withoutImports(code: string): string {
  const without = IMPORTS.reduce((text, pattern) => text.replaceAll(pattern, ''), code)
  return /\b(?:fs|readFileSync|readFile|promises)\b/.test(without) ? code : without
}

/** Returns the absolute path that an expression names; undefined if it is none of those in {@link PATH}. */
function fileIn(path: string, expression: string): string | undefined {
  const strings = [...expression.matchAll(new RegExp(STRING, 'g'))].map(([text]) => text.slice(1, -1))
  if (strings.some((text) => text.includes('\\'))) return undefined
  const here = dirname(path)
  if (/^new URL\(/.test(expression)) {
    return /^[a-z]+:/i.test(strings[0] ?? '') ? undefined : fileURLToPath(new URL(strings[0] ?? '', `file://${path}`))
  }
  const template = /^`\$\{[^}]*\}([^`]*)`$/.exec(expression)
  if (template) return join(here, template[1] ?? '')
  if (/^(?:__dirname|import\.meta)/.test(expression)) return join(here, strings[0] ?? '')
  if (/^["'`]/.test(expression)) return isAbsolute(strings[0] ?? '') ? strings[0] : resolve(strings[0] ?? '')
  return /\((?:__dirname|import\.meta)/.test(expression) ? resolve(here, ...strings) : undefined
}

/** Counts the places where a pattern stands that does not begin within a longer name. */
function count(code: string, pattern: string): number {
  return code.match(new RegExp(`(?<![\\w$])${pattern}`, 'g'))?.length ?? 0
}

function escaped(name: string): string {
  return name.replaceAll('$', '\\$')
}
