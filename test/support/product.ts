/**
 * The package as its users have it: a few files in `node_modules`, bundled from the sources as they are now. The command and
 * the projects that tests run in processes of their own load it, which costs a process a tenth of loading the sources.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type OutputOptions, rolldown } from 'rolldown'
import config from '../../rolldown.config.ts'

export const ROOT = join(import.meta.dirname, '..', '..')
/** The older versions of vitest load a copy of their own, which imports their `vitest`. */
const HOMES = [ROOT, join(ROOT, 'test', 'vitest-3'), join(ROOT, 'test', 'vitest-4')]
/** The command looks for package.json and the pages three folders above its file. */
const CACHE = join('node_modules', '.migratest-tests')
/** The folder where Node keeps what it has compiled, for all processes of the tests. */
export const COMPILED = join(ROOT, 'node_modules', '.cache', 'node-compile-cache')
const DAY_MS = 24 * 60 * 60 * 1000

/**
 * Bundles the sources. Returns the bundle's folder in each place where a vitest is installed, relative to that place. Its name
 * says what is in it, since keepers of servers load files of it after the tests are over.
 */
export async function bundleProduct(): Promise<string> {
  const input = Object.entries(config.input as Record<string, string>).map(([name, built]) => [name, sourceOf(built)])
  const { output: options, ...how } = config
  // package.json tells which built files must not be left out, and these are sources.
  const treeshake = { moduleSideEffects: () => true }
  const build = await rolldown({ ...how, cwd: ROOT, input: Object.fromEntries(input), treeshake, logLevel: 'silent' })
  const { output } = await build.generate(options as OutputOptions)
  await build.close()
  const files = output.flatMap((file) => (file.type === 'chunk' ? [[file.fileName, file.code] as const] : []))
  const product = join(CACHE, createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 16))
  for (const home of HOMES.filter((one) => existsSync(join(one, 'node_modules')))) {
    removeOld(join(home, CACHE))
    write(join(home, product), files)
  }
  return product
}

// --- internal ---

/** `src/cli/main.ts` of `dist/src/cli/main.js`. */
function sourceOf(built: string): string {
  return built.replace(/^dist\//, './').replace(/\.js$/, '.ts')
}

/** Writes all or nothing: another run may do the same at this moment. */
function write(folder: string, files: readonly (readonly [name: string, text: string])[]): void {
  if (!existsSync(folder)) {
    const half = `${folder}-${process.pid}`
    mkdirSync(half, { recursive: true })
    for (const [name, text] of files) writeFileSync(join(half, name), text)
    try {
      renameSync(half, folder)
    } catch (error) {
      rmSync(half, { recursive: true })
      if (!existsSync(folder)) throw error
    }
  }
  const now = new Date()
  utimesSync(folder, now, now)
}

/** Removes what no run has used for a day. */
function removeOld(cache: string): void {
  if (!existsSync(cache)) return
  for (const name of readdirSync(cache)) {
    const path = join(cache, name)
    if (Date.now() - statSync(path).mtimeMs > DAY_MS) rmSync(path, { recursive: true, force: true })
  }
}
