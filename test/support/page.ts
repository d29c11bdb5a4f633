/** The page in a real browser: Debian's Chromium, driven by playwright-core. */
import { existsSync, globSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { build } from 'vite'
import { describe } from 'vitest'

const root = join(import.meta.dirname, '..', '..')

/** A specification in Chromium. Where there is none it is skipped, with the reason in its name; in CI it fails. */
export function describeInChromium(name: string, specification: () => void): void {
  if (CHROMIUM === undefined && process.env.CI !== 'true') {
    describe.skip(`${name} (no Chromium in ${PLACES.join(', ')})`, specification)
  } else describe(name, specification)
}

export function launchChromium(): Promise<Browser> {
  if (CHROMIUM === undefined) throw new Error(`There is no Chromium in ${PLACES.join(', ')}.`)
  // The sandbox of Chromium does not start as root, as CI runs.
  return chromium.launch({ executablePath: CHROMIUM, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
}

/** Builds the page from its sources unless that has been done; returns its folder. */
export async function builtPage(): Promise<string> {
  const folder = join(root, 'dist', 'ui')
  const sources = globSync(['ui/**/*', 'src/{ui,schema,sql,migrate}/**/*.ts'], { cwd: root }).map((file) =>
    join(root, file),
  )
  const newest = Math.max(...sources.map((file) => statSync(file).mtimeMs))
  const index = join(folder, 'index.html')
  if (existsSync(index) && statSync(index).mtimeMs > newest) return folder
  // Several test files may build at once: each in a folder of its own, and the last one stays.
  const own = join(root, 'dist', `ui-${process.pid}`)
  await build({ root: join(root, 'ui'), logLevel: 'error', build: { outDir: own, emptyOutDir: true } })
  mkdirSync(folder, { recursive: true })
  rmSync(folder, { recursive: true, force: true })
  renameSync(own, folder)
  return folder
}

// --- internal ---

const PLACES = ['$MIGRATEST_CHROMIUM', '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const CHROMIUM = [process.env.MIGRATEST_CHROMIUM ?? '', ...PLACES.slice(1)].find(
  (path) => path !== '' && existsSync(path),
)
