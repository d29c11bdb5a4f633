/** Finds what determines the effect of a migration in code, without running it. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CodeKey } from '../../migrate/source.ts'
import { fingerprintOf } from '../../sql/script.ts'
import type { Closure } from './closure.ts'
import type { Compiled } from './compile.ts'
import { fingerprintOfCode } from './syntax.ts'
import type { Toolchain } from './toolchain.ts'
import { withoutComments } from './transform.ts'

/**
 * @param named the modules with names that are the same on every machine, the entry first
 * @returns undefined if the code may read something that is not in its text
 */
export function keyOfCode(
  tools: Toolchain,
  closure: Closure,
  named: readonly (readonly [string, Compiled])[],
): CodeKey | undefined {
  const modules = named.map(([, module]) => module)
  if (
    modules.some((module) => (module.computed && !module.required) || reads(tools, module)) ||
    SAYS_NO.test(closure.entry.code)
  ) {
    return undefined
  }
  const packages = new Set<string>()
  for (const module of modules) {
    for (const specifier of [...module.imports, ...module.lazyImports]) {
      const used = packageOf(closure, specifier, module)
      if (used === undefined) return undefined
      if (used !== '') packages.add(used)
    }
    for (const specifier of module.required ?? []) {
      const used = packageOf(closure, specifier, module)
      // Files of the project that are required are not among the modules.
      if (used === undefined || closure.resolve(specifier, module.path).kind === 'own') return undefined
      if (used !== '') packages.add(used)
    }
  }
  const halves = [fingerprintOfCode(tools, named, 'up'), fingerprintOfCode(tools, named, 'down')]
  return {
    hash: fingerprintOf([...halves, ...[...packages].sort()]),
    texts: modules.map(({ text }) => text),
    files: modules.map(({ path }) => path),
  }
}

/** Returns `name@version` of the package that a module's file belongs to; undefined if it cannot be found. */
export function versionOfPackage(file: string): string | undefined {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, 'package.json')
    if (!existsSync(path)) continue
    const { name, version } = JSON.parse(readFileSync(path, 'utf8')) as { name?: string; version?: string }
    // A package may have further files of that name in its folders, which only say "type".
    if (name !== undefined && version !== undefined) return `${name}@${version}`
  }
  return undefined
}

// --- internal ---

/**
 * Names through which code reads what is not in its text. The clock and random numbers are not among them: as with
 * now() in SQL, one result serves all tests until the text changes.
 */
const READS =
  /\b(?:process|fetch|globalThis|global|WebSocket|EventSource|XMLHttpRequest|Worker|require|__dirname|__filename)\b|\bimport\.meta\b/

function reads(tools: Toolchain, { path, code, required }: Compiled): boolean {
  const reading = (text: string) => READS.test(required ? text.replace(/\brequire\(/g, '(') : text)
  return reading(code) && reading(withoutComments(tools, path, code))
}

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
