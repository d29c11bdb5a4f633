/** Compiles the text of one file into a factory that can be run any number of times. */
import inspector from 'node:inspector'
import { createRequire, SourceMap, type SourceMapPayload } from 'node:module'
import { dirname, extname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { constants, Script } from 'node:vm'
import { ScriptError } from '../../migrate/errors.ts'
import { fillFrom } from './commonJs.ts'
import { GLOBAL_NAMES } from './globals.ts'
import type { KeptFiles, Texts } from './keptFiles.ts'
import { isSettled, type MapData, stamped, transform } from './transform.ts'

/** Returns a function that runs a module's body. Each call of that function is one instance of the module. */
export type Factory = (globals: object) => (...names: readonly unknown[]) => Promise<void>

export interface Compiled {
  /** Absolute path, with symbolic links resolved. */
  readonly path: string
  readonly text: string
  /** JavaScript that still has its imports and exports; for `.json`, the data as JSON. */
  readonly code: string
  /** The code to run, for inclusion in another program. */
  readonly runnable: string
  readonly kind: 'module' | 'commonjs' | 'json'
  /** Specifiers of its imports; `lazyImports` are imported when the module runs. */
  readonly imports: readonly string[]
  readonly lazyImports: readonly string[]
  /** `true` if it has an import whose specifier is only known when it runs. */
  readonly computed: boolean
  /**
   * Specifiers that CommonJS code requires. Undefined if they cannot be told from the text, and for modules that import.
   */
  readonly required?: readonly string[] | undefined
  /** The URL that its stack frames show. */
  readonly url: string
  readonly factory: Factory
  /** Maps a place in the running code to one in the text, both from 0. */
  readonly origin: (line: number, column: number) => { line: number; column: number } | undefined
  /** Texts for fingerprints, as far as they have been made. */
  readonly texts: Texts
  /** Returns whether compiling it again would give the same result. */
  readonly settled: () => boolean
}

/**
 * Compiles a file, or takes what was kept of it.
 * @param show returns the file's name in errors
 * @throws ScriptError if the text is not valid TypeScript
 */
export async function compile(
  path: string,
  text: string,
  show: () => string,
  keptFiles?: KeptFiles,
): Promise<Compiled> {
  const url = `${pathToFileURL(path).href}?migratest=${++compilations}`
  if (extname(path) === '.json') return { ...compiledJson(text, show()), path, text, url }
  const kept = keptFiles?.find(path, text)
  const { settings, lasting, maps, ...made } = kept ?? (await transform({ path, text, shown: show() }))
  const texts: Texts = kept?.texts ?? {}
  if (!kept && lasting) keptFiles?.keep(path, text, { ...made, maps, settings, lasting, texts })
  const { runnable, kind } = made
  const stamps = stamped(settings)
  const debug = await inlineMap(maps, url)
  return {
    ...made,
    path,
    text,
    url,
    texts,
    factory: lazily(() => compileFactory(runnable, kind, url, debug, COMMONJS_NAMES.test(text) ? path : undefined)),
    origin: originOf(maps),
    settled: () => isSettled(stamps),
  }
}

/** Returns the source text of an ES module's factory, for inclusion in a program. */
export function factoryText({ runnable }: Pick<Compiled, 'runnable'>): string {
  return `${factoryHead('module', GLOBAL_NAMES)}\n${runnable}\n}})`
}

/** Returns a factory for JSON, which exports the data as the default and by name. */
export function jsonFactory(text: string): Factory {
  const fill = async (_import: unknown, _lazy: unknown, exports: Record<string, unknown>) => {
    const data = JSON.parse(text) as unknown
    if (typeof data === 'object' && data !== null && !Array.isArray(data)) Object.assign(exports, data)
    exports.default = data
  }
  return () => fill as ReturnType<Factory>
}

// --- internal ---

function factoryHead(kind: keyof typeof NAMES, globals: readonly string[]): string {
  const head = kind === 'module' ? ['async ', '"use strict";'] : ['', '']
  return `(function({${globals.join(',')}}){return ${head[0]}function(${NAMES[kind].join(',')}){${head[1]}`
}

let compilations = 0

const COMMONJS_NAMES = /\b(?:require|__filename|__dirname)\b|\bmodule\.exports\b|\bexports\.\w/

/** Names of the arguments of a module's body, as the transformer writes them. */
const NAMES = {
  module: [
    '__vite_ssr_import__',
    '__vite_ssr_dynamic_import__',
    '__vite_ssr_exports__',
    '__vite_ssr_exportAll__',
    '__vite_ssr_import_meta__',
  ],
  commonjs: ['exports', 'require', 'module', '__filename', '__dirname'],
}

/** The place of the exports among the arguments of an ES module's body. */
const EXPORTS = NAMES.module.indexOf('__vite_ssr_exports__')

function lazily(make: () => Factory): Factory {
  let made: Factory | undefined
  return (globals) => {
    made ??= make()
    return made(globals)
  }
}

/**
 * Compiles a body into a factory. The body begins on the first line; the columns of that line count from the start of
 * the body.
 * @param path the module's path if it uses names of CommonJS. ES modules do not have them, but what TypeScript compiles
 * to CommonJS does, also where it is written with `import` and `export`, and with `import` and `module.exports`.
 */
function compileFactory(
  code: string,
  kind: keyof typeof NAMES,
  filename: string,
  debug: string,
  path: string | undefined,
): Factory {
  const names =
    path === undefined || kind === 'commonjs' ? [] : ['require', '__filename', '__dirname', 'module', 'exports']
  const before = factoryHead(kind, [...GLOBAL_NAMES, ...names])
  const script = new Script(`${before}${code}\n}})${debug}`, {
    filename,
    columnOffset: -before.length,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  })
  const factory = script.runInThisContext() as Factory
  if (path === undefined) return factory
  if (kind === 'commonjs') return factory
  return (globals) => {
    const module = { exports: {} as object }
    const own = { require: createRequire(path), __filename: path, __dirname: dirname(path), module }
    const body = factory({ ...globals, ...own, exports: module.exports })
    return async (...given) => {
      await body(...given)
      const isUsed = typeof module.exports !== 'object' || Object.keys(module.exports ?? {}).length > 0
      if (isUsed) fillFrom(given[EXPORTS] as Record<string, unknown>, module.exports)
    }
  }
}

function compiledJson(text: string, shown: string): Omit<Compiled, 'path' | 'text' | 'url'> {
  try {
    JSON.parse(text)
  } catch (cause) {
    const place = { file: shown, text, start: 0 }
    throw new ScriptError(`not JSON: ${(cause as Error).message}`, place, 'Fix it, or do not import it.')
  }
  return {
    code: text,
    runnable: text,
    kind: 'json',
    imports: [],
    lazyImports: [],
    computed: false,
    texts: {},
    factory: jsonFactory(text),
    origin: () => undefined,
    settled: () => true,
  }
}

function originOf(maps: readonly MapData[]): Compiled['origin'] {
  let read: SourceMap[] | undefined
  return (line, column) => {
    read ??= maps.map((map) => new SourceMap({ ...EMPTY_MAP, ...map } as SourceMapPayload))
    let at = { line, column }
    for (const map of read) {
      const entry = map.findEntry(at.line, at.column)
      if (!('originalLine' in entry)) return undefined
      at = { line: entry.originalLine, column: entry.originalColumn }
    }
    return at
  }
}

const EMPTY_MAP = { file: '', version: 3, sources: [], sourcesContent: [], names: [], mappings: '', sourceRoot: '' }

/** Returns an inline source map if a debugger is attached, so that breakpoints in the file are hit. */
async function inlineMap(maps: readonly MapData[], url: string): Promise<string> {
  if (inspector.url() === undefined) return ''
  const { default: remapping } = await import('@jridgewell/remapping')
  const whole = remapping(maps.map((map) => ({ ...EMPTY_MAP, ...map })) as Parameters<typeof remapping>[0], () => null)
  const named = JSON.stringify({ ...whole, sources: [url.replace(/\?.*$/, '')] })
  return `\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(named).toString('base64')}`
}
