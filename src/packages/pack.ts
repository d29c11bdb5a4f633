/** Writes the file that holds a package's modules. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import { Script } from 'node:vm'
import { stampOf } from './stamp.ts'

/**
 * Packs a package that has been loaded: those of its modules that were loaded and that do not import. The first call
 * makes the folder only. Nothing happens where we may not write.
 */
export function keepPack(require: NodeJS.Require, name: string, folder: string, file: string): void {
  try {
    if (!existsSync(folder)) {
      mkdirSync(folder, { recursive: true })
      return
    }
    const text = packText(require, require.resolve(name))
    const made = `${file}.${process.pid}`
    writeFileSync(made, text)
    try {
      renameSync(made, file)
    } catch (error) {
      rmSync(made, { force: true })
      throw error
    }
  } catch {
    // The next run loads the package as usual, too.
  }
}

// --- internal ---

function packText(require: NodeJS.Require, entry: string): string {
  const found = new Map<string, Read>()
  const left = [entry]
  for (let file = left.pop(); file !== undefined; file = left.pop()) {
    if (found.has(file)) continue
    const read = readModule(require, file)
    if (!read) continue
    found.set(file, read)
    left.push(...read.requires.values())
  }
  if (!found.has(entry)) throw new Error(`${entry} cannot be packed.`)
  const modules = [...found].map(([file, { text, requires, builtin }]) => {
    const known = [...requires].filter(([, target]) => found.has(target))
    const all = Object.fromEntries([...known, ...builtin.map((request) => [request, null] as const)])
    return `${JSON.stringify(file)}: { stamp: ${JSON.stringify(stampOf(file))}, requires: ${JSON.stringify(all)}, run: ${functionOf(text)} }`
  })
  return `module.exports = { entry: ${JSON.stringify(entry)}, modules: {\n${modules.join(',\n')}\n} }\n`
}

interface Read {
  readonly text: string
  /** Requests and the paths of the modules that they lead to. */
  readonly requires: ReadonlyMap<string, string>
  readonly builtin: readonly string[]
}

/** Reads a module that was loaded; returns undefined if it has to stay a file of its own. */
function readModule({ cache }: NodeJS.Require, file: string): Read | undefined {
  if (!cache[file]?.loaded || !/\.c?js$/.test(file)) return undefined
  const text = readFileSync(file, 'utf8')
  // What it imports would be looked for from where the pack is.
  if (/\bimport\s*\(/.test(text) || !isScript(text)) return undefined
  const { resolve } = createRequire(file)
  const requires = new Map<string, string>()
  const builtin: string[] = []
  for (const [, , request = ''] of text.matchAll(REQUIRE)) {
    if (module.isBuiltin(request)) builtin.push(request)
    else {
      try {
        requires.set(request, resolve(request))
      } catch {
        // An optional package that is not installed.
      }
    }
  }
  return { text, requires, builtin }
}

const REQUIRE = /\brequire\(\s*(['"])([^'"\n]+)\1\s*\)/g

/** Returns `false` for an ECMAScript module, which `require` loads, too. */
function isScript(text: string): boolean {
  try {
    new Script(functionOf(text))
    return true
  } catch {
    return false
  }
}

function functionOf(text: string): string {
  return `(function (exports, require, module, __filename, __dirname) {${text}\n})`
}
