/** One file's text made ready to run: types away, imports and exports turned into calls, positions kept. */
import { SourceMap, type SourceMapPayload } from 'node:module'
import { extname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { Script } from 'node:vm'
import { ScriptError } from '../../migrate/errors.ts'
import type { Toolchain } from './toolchain.ts'

/** What runs a module's body; how often it is called is how often the module is instantiated. */
export type Factory = (globals: object) => (...names: readonly unknown[]) => Promise<void>

export interface Compiled {
  /** Absolute. */
  readonly path: string
  readonly text: string
  /** JavaScript, still with its imports and exports; the data as JSON for `.json`. */
  readonly code: string
  readonly kind: 'module' | 'commonjs' | 'json'
  /** Specifiers of what it imports; the second are imported when it runs. */
  readonly imports: readonly string[]
  readonly lazyImports: readonly string[]
  /** What its stack frames are called. */
  readonly url: string
  readonly factory: Factory
  /** From a place in what runs to one in the text, both from 0. */
  readonly origin: (line: number, column: number) => { line: number; column: number } | undefined
}

/** Names of what a module's body is handed, as the transformer writes them. */
export const MODULE_NAMES = [
  '__vite_ssr_import__',
  '__vite_ssr_dynamic_import__',
  '__vite_ssr_exports__',
  '__vite_ssr_exportAll__',
  '__vite_ssr_import_meta__',
] as const
const COMMONJS_NAMES = ['exports', 'require', 'module', '__filename', '__dirname']
/** What is looked up outside of the module's own scope, so that a module may declare the same names. */
export const GLOBAL_NAMES = ['Date', 'Math', 'performance', 'crypto', 'babelHelpers'] as const

/** @param shown the file as it is to be named in an error. @throws ScriptError for a text that is no TypeScript */
export async function compile(tools: Toolchain, path: string, text: string, shown: string): Promise<Compiled> {
  const extension = extname(path)
  const url = `${pathToFileURL(path).href}?migratest=${++compilations}`
  if (extension === '.json') return { ...compiledJson(text, shown), path, text, url }
  const commonJs = extension === '.cjs' || extension === '.cts'
  const typed = tools.transformSync(path, text.replace(/^#!/, '//'), {
    sourcemap: true,
    tsconfig: true,
    helpers: { mode: 'External' },
    ...(commonJs && { sourceType: 'commonjs' }),
  })
  const problem = typed.errors[0]
  if (problem) throw notCode(problem, { text, shown })
  const plain = hasDecorators(tools, path, typed.code) ? await lowered(path, text, shown) : typed
  if (commonJs || looksLikeCommonJs(plain.code, extension)) {
    const factory = compileFactory(plain.code, COMMONJS_NAMES, url, '')
    return {
      ...NO_IMPORTS,
      path,
      text,
      code: plain.code,
      kind: 'commonjs',
      url,
      factory,
      origin: originOf([plain.map]),
    }
  }
  const runnable = await tools.moduleRunnerTransform(path, splitImports(tools, path, plain.code), { sourcemap: true })
  const wrong = runnable.errors[0]
  if (wrong) throw notCode(wrong, { text, shown })
  const maps = [runnable.map, plain.map]
  const debug = await inlineMap(maps, url)
  return {
    path,
    text,
    code: plain.code,
    kind: 'module',
    imports: runnable.deps,
    lazyImports: runnable.dynamicDeps,
    url,
    factory: lazily(() => compileFactory(runnable.code, MODULE_NAMES, url, debug)),
    origin: originOf(maps),
  }
}

/** What is left of TypeScript once its types are away, by name. */
export function asJavaScript(path: string): string {
  return path.replace(/\.([cm]?)ts$/, (_, kind) => `.${kind || 'm'}js`)
}

// --- internal ---

let compilations = 0
const NO_IMPORTS = { imports: [], lazyImports: [] }

type Map = { readonly mappings: string } | null | undefined

function lazily(make: () => Factory): Factory {
  let made: Factory | undefined
  return (globals) => {
    made ??= make()
    return made(globals)
  }
}

/** The body begins on the first line, and that line's columns count from where it begins. */
function compileFactory(code: string, names: readonly string[], filename: string, debug: string): Factory {
  const async = names === MODULE_NAMES ? 'async ' : ''
  const strict = names === MODULE_NAMES ? '"use strict";' : ''
  const before = `(function({${GLOBAL_NAMES.join(',')}}){return ${async}function(${names.join(',')}){${strict}`
  const script = new Script(`${before}${code}\n}})${debug}`, { filename, columnOffset: -before.length })
  return script.runInThisContext() as Factory
}

function compiledJson(
  text: string,
  shown: string,
): Pick<Compiled, 'code' | 'kind' | 'imports' | 'lazyImports' | 'factory' | 'origin'> {
  try {
    JSON.parse(text)
  } catch (cause) {
    throw new ScriptError(
      `not JSON: ${(cause as Error).message}`,
      { file: shown, text, start: 0 },
      'Mend it, or do not import it.',
    )
  }
  const fill = async (_import: unknown, _lazy: unknown, exports: Record<string, unknown>) => {
    const data = JSON.parse(text) as unknown
    if (typeof data === 'object' && data !== null && !Array.isArray(data)) Object.assign(exports, data)
    exports.default = data
  }
  return {
    code: text,
    kind: 'json',
    ...NO_IMPORTS,
    factory: () => fill as ReturnType<Factory>,
    origin: () => undefined,
  }
}

/** Those of the standard; experimental ones are calls by now. */
function hasDecorators({ parseSync }: Toolchain, path: string, code: string): boolean {
  if (!/@[\w$(]/.test(code)) return false
  return JSON.stringify(parseSync(asJavaScript(path), code).program).includes('"decorators":[{')
}

/** Node has no decorators of the standard yet, and rolldown leaves them; esbuild does not. */
async function lowered(path: string, text: string, shown: string): Promise<{ code: string; map: Map }> {
  const esbuild = await import('esbuild').catch(() => undefined)
  if (!esbuild) {
    throw new ScriptError(
      'Node runs no standard decorators yet',
      { file: shown, text, start: Math.max(0, text.search(/@[\w$(]/)) },
      'Set "experimentalDecorators" in tsconfig.json, if that is what they are, or: npm install --save-dev esbuild',
    )
  }
  const { code, map } = await esbuild.transform(text, {
    loader: 'ts',
    target: 'node22',
    sourcemap: 'external',
    sourcefile: path,
  })
  return { code, map: JSON.parse(map) as Map }
}

/**
 * `import a, * as b` as two imports in the same line: the transformer forgets the first (rolldown 1.3.2). The text is looked
 * at before it is parsed, which is rarely needed.
 */
function splitImports({ parseSync }: Toolchain, path: string, code: string): string {
  if (!/^import [\w$]+, \* as /m.test(code)) return code
  let split = code
  for (const node of parseSync(asJavaScript(path), code).program.body.toReversed()) {
    if (node.type !== 'ImportDeclaration' || node.specifiers.length !== 2) continue
    const [first, second] = node.specifiers
    if (first?.type !== 'ImportDefaultSpecifier' || second?.type !== 'ImportNamespaceSpecifier') continue
    const from = code.slice(second.end, node.end)
    const two = `import * as ${second.local.name}${from};import ${first.local.name}${from}`
    split = split.slice(0, node.start) + two + split.slice(node.end)
  }
  return split
}

/** Node's own rule: what has no import and no export may be CommonJS; here it is if it says so. */
function looksLikeCommonJs(code: string, extension: string): boolean {
  if (extension === '.mjs' || extension === '.mts') return false
  if (/^\s*(?:import|export)\b/m.test(code)) return false
  return /\bmodule\.exports\b|\bexports\.\w|\brequire\(/.test(code)
}

function originOf(maps: readonly Map[]): Compiled['origin'] {
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

/** For a debugger that is attached, so that breakpoints in the file are hit. */
async function inlineMap(maps: readonly Map[], url: string): Promise<string> {
  const { default: inspector } = await import('node:inspector')
  if (inspector.url() === undefined) return ''
  const { default: remapping } = await import('@jridgewell/remapping')
  const whole = remapping(maps.map((map) => ({ ...EMPTY_MAP, ...map })) as Parameters<typeof remapping>[0], () => null)
  const named = JSON.stringify({ ...whole, sources: [url.replace(/\?.*$/, '')] })
  return `\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(named).toString('base64')}`
}

/** What the transformer found, without the picture that it draws itself. */
function notCode(error: object, { text, shown }: { text: string; shown: string }): ScriptError {
  const { message = '', pos = 0 } = error as { message?: string; pos?: number }
  const words = stripVTControlCharacters(message.split('\n')[0] ?? '').replace(/^\[\w+\] /, '')
  return new ScriptError(
    words,
    { file: shown, text, start: pos },
    'Nothing has run. Mend the file; an editor shows the same.',
  )
}
