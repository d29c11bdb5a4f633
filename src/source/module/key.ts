/** Finds what determines the effect of a migration in code, without running it. */
import { fileURLToPath } from 'node:url'
import type { CodeKey, NoCodeKey } from '../../migrate/source.ts'
import { fingerprintOf } from '../../sql/script.ts'
import { versionOfPackage } from '../packageVersion.ts'
import type { Closure } from './closure.ts'
import type { Compiled } from './compile.ts'
import { readsOf, stateOf } from './reads.ts'
import { fingerprintOfCode } from './syntax.ts'
import { withoutComments } from './transform.ts'

/**
 * @param named the modules with names that are the same on every machine, the entry first
 */
export function keyOfCode(closure: Closure, named: readonly (readonly [string, Compiled])[]): CodeKey | NoCodeKey {
  if (SAYS_NO.test(closure.entry.code)) return { because: undefined }
  const parts = new Set<string>()
  const files: string[] = []
  const variables: string[] = []
  for (const [, module] of named) {
    files.push(module.path)
    const found = surroundingsOf(module)
    if ('because' in found) return found
    files.push(...found.files)
    variables.push(...found.variables)
    if (found.state) parts.add(found.state)
    for (const specifier of found.imports) {
      const used = packageOf(closure, specifier, module)
      if (used === undefined) return { because: `it imports "${specifier}"` }
      const isOwn = () => closure.resolve(specifier, module.path).kind === 'own'
      if (closure.unfollowed && module.required?.includes(specifier) && isOwn()) {
        return { because: `it requires "${specifier}", whose effect cannot be known from the text` }
      }
      if (used !== '') parts.add(used)
    }
  }
  const halves = [fingerprintOfCode(named, 'up'), fingerprintOfCode(named, 'down')]
  return {
    hash: fingerprintOf([...halves, ...[...parts].sort()]),
    texts: named.map(([, { text }]) => text),
    files,
    variables,
  }
}

/** Returns whether the module may read something besides its text, which its syntax tells. */
export function looksAround({ code, imports, lazyImports, required, kind }: Compiled): boolean {
  if (kind === 'json') return false
  const look = required ? code.replace(/\brequire\(/g, '(') : code
  return READS.test(look) || [...imports, ...lazyImports, ...(required ?? [])].some((one) => FS.test(one))
}

// --- internal ---

/**
 * Names through which code reads what is not in its text. The clock and random numbers are not among them: as with
 * now() in SQL, one result serves all tests until the text changes.
 */
const READS =
  /\b(?:process|fetch|globalThis|global|WebSocket|EventSource|XMLHttpRequest|Worker|require|__dirname|__filename)\b|\bimport\.meta\b/

interface Around {
  /** The values of the variables and the contents of the files that it reads. */
  readonly state: string
  readonly variables: readonly string[]
  readonly files: readonly string[]
  readonly imports: readonly string[]
}

/** Returns what a module reads besides its text. */
function surroundingsOf(module: Compiled): Around | NoCodeKey {
  const { path, code, imports, lazyImports, required, computed } = module
  if (computed && !required) return { because: 'it imports a module whose name is only known when it runs' }
  const all = [...imports, ...lazyImports, ...(required ?? [])]
  if (!looksAround(module)) {
    return { state: '', variables: [], files: [], imports: all }
  }
  const { rest, ...read } = readsOf(path, withoutComments(path, code))
  const word = READS.exec(required ? rest.replace(/\brequire\(/g, '(') : rest)?.[0]
  if (word !== undefined) return { because: `it uses ${word}` }
  const state = stateOf(path, read)
  if (state === undefined) return { because: 'it reads a file that does not exist' }
  const isRead = (specifier: string) => FS.test(specifier) && !/\bfs\b/.test(rest)
  return { ...read, state, imports: all.filter((specifier) => !isRead(specifier)) }
}

/** The module whose reading functions are followed where the file's name is written out. */
const FS = /^(?:node:)?fs(?:\/promises)?$/

/** `snapshot: false` or `export const snapshot = false`: the author says that each test must run it. */
const SAYS_NO = /\bsnapshot\s*[:=]\s*false\b/

/** Modules of Node that read nothing. */
const PURE = new Set(
  'assert assert/strict buffer crypto events path path/posix path/win32 punycode querystring string_decoder timers timers/promises url util util/types zlib'
    .split(' ')
    .map((name) => `node:${name}`),
)

/** Returns what a specifier adds to the key: nothing for the project's own modules and pure ones of Node. */
function packageOf({ resolve }: Closure, specifier: string, from: Compiled): string | undefined {
  let meant: ReturnType<typeof resolve>
  try {
    meant = resolve(specifier, from.path)
  } catch {
    return undefined
  }
  if (meant.kind === 'own') return ''
  if (meant.url.startsWith('node:')) return PURE.has(meant.url) ? '' : undefined
  // Other files of the project, such as an addon, can change without a new version.
  return /^file:.*\/node_modules\//.test(meant.url) ? versionOfPackage(fileURLToPath(meant.url)) : undefined
}
