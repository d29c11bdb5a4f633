/** Transforms TypeScript into code for a module runner, in steps whose source maps lead back to the text. */
import { statSync } from 'node:fs'
import { extname } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { ScriptError, UnreadableFileError } from '../../migrate/errors.ts'
import { toolchain, tools } from './toolchain.ts'

export interface Transformed {
  /** JavaScript that still has its imports and exports. */
  readonly code: string
  /** The code to run. */
  readonly runnable: string
  readonly kind: 'module' | 'commonjs'
  readonly imports: readonly string[]
  readonly lazyImports: readonly string[]
  /** `true` if it has an import whose specifier is only known when it runs. */
  readonly computed: boolean
  /**
   * Specifiers that CommonJS code requires. Undefined if they cannot be told from the text, and for modules that import.
   */
  readonly required?: readonly string[] | undefined
  /** Source maps from the running code back to the text, in this order. */
  readonly maps: readonly MapData[]
  /** The tsconfig files that applied. */
  readonly settings: readonly string[]
  /** `true` if it follows from the text, the settings and rolldown alone. */
  readonly lasting: boolean
}

export type MapData = { readonly mappings: string } | null | undefined

export interface Settings {
  readonly path: string
  readonly stamp: string
}

interface Input {
  readonly path: string
  readonly text: string
  /** The file's name in errors. */
  readonly shown: string
}

/** Transforms a text. @throws ScriptError if it is not valid TypeScript, UnreadableFileError for a bad tsconfig.json */
export async function transform(input: Input): Promise<Transformed> {
  const { path, text } = input
  const { transformSync } = await toolchain()
  // In a thread of its own, a file of the usual size takes twice as long.
  const typed = transformSync(path, text.replace(/^#!/, '//'), {
    sourcemap: true,
    tsconfig: true,
    helpers: { mode: 'External' },
  })
  refuse(typed.errors, input)
  const settings = typed.tsconfigFilePaths
  const plain = isAheadOfNode(path, typed.code) ? await lowered(typed.code, input) : { code: typed.code, maps: [] }
  const { code } = plain
  const runner = await forRunner(input, code)
  const maps = [...plain.maps, lean(typed.map)]
  const lasting = plain.maps.length === 0
  if (isCommonJs(runner.code, code, path)) {
    // Types in comments are written as import('knex').Knex.
    const bare = requires(code) ? withoutComments(path, code) : code
    const computed = requires(bare)
    const required = literalRequires(bare)
    const runnable = withoutMark(code)
    return {
      code: runnable,
      runnable,
      kind: 'commonjs',
      imports: [],
      lazyImports: [],
      computed,
      required,
      maps,
      settings,
      lasting,
    }
  }
  return {
    code,
    runnable: runner.code,
    kind: 'module',
    imports: runner.deps,
    lazyImports: runner.dynamicDeps,
    computed: importsComputed(runner.code) || /\bcreateRequire\b/.test(code),
    maps: [...runner.maps, ...maps],
    settings,
    lasting,
  }
}

/** Returns tsconfig files with their state. */
export function stamped(paths: readonly string[]): Settings[] {
  return paths.map((path) => ({ path, stamp: stampOf(path) }))
}

/** Returns whether the tsconfig files are unchanged. */
export function isSettled(settings: readonly Settings[]): boolean {
  return settings.every(({ path, stamp }) => stampOf(path) === stamp)
}

/** Returns the code without comments and white space; the code itself if it cannot be parsed as a module. */
export function withoutComments(path: string, code: string): string {
  return tools().minifySync(asJavaScript(path), code, { compress: false, mangle: false }).code || code
}

/** Returns the path with the extension `.mjs`, for parsing the code after its types have been removed. */
export function asJavaScript(path: string): string {
  return path.replace(/\.[cm]?ts$/, '.mjs').replace(/\.cjs$/, '.mjs')
}

// --- internal ---

interface ForRunner extends Pick<Transformed, 'code' | 'maps'> {
  readonly deps: readonly string[]
  readonly dynamicDeps: readonly string[]
}

/** Returns the code for a module runner: the code itself where it imports and exports nothing. */
async function forRunner(input: Input, code: string): Promise<ForRunner> {
  if (!/import|export\b/.test(code)) return { code, maps: [], deps: [], dynamicDeps: [] }
  const { path } = input
  const { errors, map, ...made } = await tools().moduleRunnerTransform(path, splitImports(path, code), {
    sourcemap: true,
  })
  refuse(errors, input)
  return { ...made, maps: [lean(map)] }
}

/** Returns a map without the text that it leads to. */
function lean(map: MapData): MapData {
  const { sourcesContent: _, ...rest } = (map ?? {}) as { mappings: string; sourcesContent?: unknown }
  return map && rest
}

function stampOf(path: string): string {
  const { mtimeMs = 0, size = 0 } = statSync(path, { throwIfNoEntry: false }) ?? {}
  return `${mtimeMs} ${size}`
}

/** Returns whether CommonJS code asks for other modules than those of Node. */
function requires(code: string): boolean {
  const others = code.replace(/\brequire\(\s*["'`]node:/g, '')
  return /\brequire\(\s*["'`.]|\brequire\((?!\s*["'])|\bimport\(/.test(others)
}

/** Returns what CommonJS code requires; undefined if it does anything with `require` but to call it with a string. */
function literalRequires(code: string): string[] | undefined {
  const calls = [...code.matchAll(/\brequire\(\s*(["'`])([^"'`$\\]*)\1\s*\)/g)]
  const mentions = code.match(/\brequire\b|\bimport\(/g)?.length ?? 0
  return calls.length === mentions ? calls.map(([, , specifier]) => specifier ?? '') : undefined
}

/**
 * Removes what the transformer leaves of a file whose only imports are those of types, as TypeScript does: it marks the
 * file as a module, also where it exports in the way of CommonJS.
 */
function withoutMark(code: string): string {
  return code.replace(/(^|\n)export \{\s*\};?\s*$/, '$1')
}

/** Returns whether the argument of any `import()` is something other than a string. */
function importsComputed(runnable: string): boolean {
  const calls = runnable.match(/__vite_ssr_dynamic_import__\(/g)?.length ?? 0
  return calls > (runnable.match(/__vite_ssr_dynamic_import__\((["'])(?:(?!\1).)*\1\s*[,)]/g)?.length ?? 0)
}

/**
 * Returns whether the code uses standard decorators or auto-accessors, which Node does not support yet. Experimental
 * decorators have already become function calls.
 */
function isAheadOfNode(path: string, code: string): boolean {
  if (!/@[^\s@]|\baccessor\s/.test(code)) return false
  const tree = JSON.stringify(tools().parseSync(asJavaScript(path), code).program, (_, value) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  return tree.includes('"decorators":[{') || /"type":"(?:TSAbstract)?AccessorProperty"/.test(tree)
}

/** Lets esbuild compile syntax that rolldown leaves unchanged and Node cannot run yet. */
async function lowered(code: string, { path, text, shown }: Input): Promise<{ code: string; maps: MapData[] }> {
  const esbuild = await import('esbuild').catch(() => undefined)
  if (!esbuild) {
    throw new ScriptError(
      'Node cannot run standard decorators yet',
      { file: shown, text, start: Math.max(0, text.search(/@[\w$(]|\baccessor\s/)) },
      'If these are experimental decorators, set "experimentalDecorators" in tsconfig.json. Otherwise: npm install --save-dev esbuild',
    )
  }
  const out = await esbuild.transform(code, { loader: 'js', target: 'node22', sourcemap: 'external', sourcefile: path })
  return { code: out.code, maps: [JSON.parse(out.map) as MapData] }
}

/**
 * Splits `import a, * as b` into two imports on the same line, since the transformer drops the first (rolldown 1.3.2).
 * Searches the text before parsing it, because this is rarely needed.
 */
function splitImports(path: string, code: string): string {
  if (!/^import [^\s,{]+, \* as /m.test(code)) return code
  let split = code
  for (const node of tools().parseSync(asJavaScript(path), code).program.body.toReversed()) {
    if (node.type !== 'ImportDeclaration' || node.specifiers.length !== 2) continue
    const [first, second] = node.specifiers
    if (first?.type !== 'ImportDefaultSpecifier' || second?.type !== 'ImportNamespaceSpecifier') continue
    const from = code.slice(second.end, node.end)
    const two = `import * as ${second.local.name}${from};import ${first.local.name}${from}`
    split = split.slice(0, node.start) + two + split.slice(node.end)
  }
  return split
}

/**
 * Returns whether the code is CommonJS. By Node's rule, a file without imports and exports may be; we also require the
 * extension .cjs or .cts, or a use of `require`, `exports` or `module.exports`.
 */
function isCommonJs(runnable: string, code: string, path: string): boolean {
  if (/__vite_ssr_(?:import|exports|exportAll|import_meta)_/.test(runnable)) return false
  const extension = extname(path)
  if (extension === '.mjs' || extension === '.mts') return false
  return extension === '.cjs' || extension === '.cts' || /\bmodule\.exports\b|\bexports\.\w|\brequire\(/.test(code)
}

/** Throws the first of the transformer's errors, without the code frame that it draws itself. */
function refuse(errors: readonly object[], { text, shown }: Input): void {
  const [first] = errors as readonly { message?: string; pos?: number; code?: string }[]
  if (!first) return
  const words = stripVTControlCharacters(first.message?.split('\n')[0] ?? '').replace(/^\[\w+\] /, '')
  if (/tsconfig/.test(words))
    throw new UnreadableFileError(`${shown} cannot be loaded: ${words}`, { hint: 'Fix tsconfig.json.' })
  const hint = 'Nothing has run. Fix the file; an editor shows the same error.'
  throw new ScriptError(words, { file: shown, text, start: first.pos ?? 0 }, hint)
}
