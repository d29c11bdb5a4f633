/**
 * Reads and compiles a migration's module with all of the project's modules that it imports, and resolves its imports.
 */
import { readFileSync, statSync } from 'node:fs'
import { ScriptError } from '../../migrate/errors.ts'
import { now } from '../../migrate/realTime.ts'
import { decode } from '../files.ts'
import { type Compiled, compile } from './compile.ts'
import type { KeptFiles } from './keptFiles.ts'
import type { DiskResolver, Resolve, Resolved } from './resolve.ts'

export interface Closure {
  readonly entry: Compiled
  /** The modules by path, the entry first. */
  readonly modules: ReadonlyMap<string, Compiled>
  readonly resolve: Resolve
  /**
   * Undefined if the modules contain all files of the project that CommonJS code requires. If one of them cannot be told
   * from the text, or is an ES module, Node loads them all: they could be loaded twice otherwise.
   */
  readonly unfollowed: Unfollowed | undefined
}

/** A file that CommonJS code requires, or a file that does so, and why it cannot be followed. */
interface Unfollowed {
  readonly path: string
  readonly why: 'is an ES module' | 'requires something whose name is only known when it runs'
}

export type Show = (path: string) => string

export interface Files {
  /** Returns a path's form for messages. */
  readonly show: Show
  /** Results that other processes have kept. */
  readonly kept: KeptFiles | undefined
}

/**
 * Reads a module and everything it imports.
 * @throws ScriptError for a text that is not valid code, or an import of something that does not exist
 */
export async function readClosure(path: string, resolver: DiskResolver, files: Files): Promise<Closure> {
  const modules = new Map<string, Compiled>()
  const requiredModules = new Map<string, Compiled>()
  let unfollowed: Unfollowed | undefined
  const meanings = new Map<string, Resolved>()
  const resolve: Resolve = (specifier, from) => {
    const key = `${from}\0${specifier}`
    const known =
      meanings.get(key) ?? resolveFor(resolver, modules.get(from) ?? requiredModules.get(from))(specifier, from)
    meanings.set(key, known)
    return known
  }
  const read = async (file: string): Promise<Compiled> => {
    const compiled = await compiledFile(file, files)
    modules.set(file, compiled)
    if (compiled.kind === 'commonjs') await readRequired(compiled)
    const { imports, lazyImports } = compiled
    for (const specifier of [...imports, ...lazyImports]) await resolver.prepare(specifier, file)
    for (const specifier of [...imports, ...lazyImports]) {
      const meant = attempt(() => resolve(specifier, file))
      if (meant instanceof Error) {
        // A module that is imported when the code runs may be missing on purpose.
        if (!imports.includes(specifier)) continue
        throw notFound(compiled, specifier, files.show(file), meant)
      }
      if (meant.kind === 'own' && !modules.has(meant.path)) await read(meant.path)
    }
    return compiled
  }
  const readRequired = async ({ path: from, required }: Compiled): Promise<void> => {
    if (!required) unfollowed ??= { path: from, why: 'requires something whose name is only known when it runs' }
    for (const specifier of required ?? []) {
      const meant = attempt(() => resolve(specifier, from))
      // The code may catch the error that `require` throws for a missing file.
      if (meant instanceof Error || meant.kind !== 'own') continue
      if (modules.has(meant.path) || requiredModules.has(meant.path)) continue
      const compiled = await compiledFile(meant.path, files)
      if (compiled.kind === 'module') unfollowed ??= { path: meant.path, why: 'is an ES module' }
      else requiredModules.set(meant.path, compiled)
      if (compiled.kind === 'commonjs') await readRequired(compiled)
    }
  }
  const entry = await read(path)
  const all = unfollowed ? modules : new Map([...modules, ...requiredModules])
  return { entry, modules: all, resolve, unfollowed }
}

/** Returns the current file, compiled; the same object as long as the text is unchanged. */
export async function compiledFile(path: string, { show, kept }: Files): Promise<Compiled> {
  const text = readText(path, show)
  const known = compiledFiles.get(path)
  if (known?.text === text && known.settled()) return known
  const compiled = await compile(path, text, () => show(path), kept)
  compiledFiles.set(path, compiled)
  return compiled
}

/** Returns the current text of a file. Reads it only if it may have changed: each run asks several times. */
export function readText(path: string, show: Show): string {
  const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path)
  const stamp = `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}`
  const known = texts.get(path)
  if (known?.stamp === stamp) return known.text
  const text = decodedText(path, show).replace(/^\uFEFF/, '')
  // A file that was written just now may be written once more within the same tick of its clock.
  if (now() - Math.max(mtimeMs, ctimeMs) > TICK_MS) texts.set(path, { stamp, text })
  else texts.delete(path)
  return text
}

/** Returns whether every file still has the text that was read, and every import still resolves to the same module. */
export function isCurrent({ modules, unfollowed }: Closure, resolver: DiskResolver, show: Show): boolean {
  for (const module of modules.values()) {
    const { path, text, imports, lazyImports, required = [], settled } = module
    if (attempt(() => readText(path, show)) !== text || !settled()) return false
    for (const specifier of [...imports, ...lazyImports, ...(unfollowed ? [] : required)]) {
      const meant = attempt(() => resolveFor(resolver, module)(specifier, path))
      if (meant instanceof Error) {
        if (imports.includes(specifier)) return false
      } else if (meant.kind === 'own' && !modules.has(meant.path)) return false
    }
  }
  return true
}

// --- internal ---

/** Milliseconds in which a file system may give two edits the same time. */
const TICK_MS = 2000

const texts = new Map<string, { readonly stamp: string; readonly text: string }>()

/** The last text of each file, compiled, shared by all loads of this process because compiling is slow. */
const compiledFiles = new Map<string, Compiled>()

function decodedText(path: string, show: Show): string {
  const text = readFileSync(path, 'utf8')
  // A character that stands for bytes that are not UTF-8 may be in the text, too.
  return text.includes('\ufffd') ? decode(readFileSync(path), show(path)) : text
}

function resolveFor({ resolve, resolveRequired }: DiskResolver, from: Compiled | undefined): Resolve {
  return from?.kind === 'commonjs' ? resolveRequired : resolve
}

function attempt<T>(work: () => T): T | Error {
  try {
    return work()
  } catch (error) {
    return error as Error
  }
}

function notFound({ text }: Compiled, specifier: string, file: string, cause: Error): ScriptError {
  const found = [`'${specifier}'`, `"${specifier}"`].map((quoted) => text.indexOf(quoted)).find((at) => at !== -1)
  const start = found === undefined ? 0 : found + 1
  const hint = /^[./~#]/.test(specifier)
    ? 'Check that the path is right and that the file exists.'
    : `Is the package installed? npm install ${specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/')}`
  return new ScriptError(
    `"${specifier}" is not found (${cause.message})`,
    { file, text, start, end: start + specifier.length },
    hint,
  )
}
