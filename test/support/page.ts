/** The page in a real browser: Debian's Chromium, driven by playwright-core. */
import { existsSync, globSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Browser, chromium } from 'playwright-core'
import { build } from 'vite'
import { describe } from 'vitest'

const root = join(import.meta.dirname, '..', '..')

/** A specification in Chromium. Where there is none it is skipped, with the reason in its name; in CI it fails. */
export function describeInChromium(name: string, specification: () => void): void {
  if (CHROMIUM === undefined && process.env.CI !== 'true') {
    describe.skip(`${name} (no Chromium in ${PLACES.join(', ')})`, specification)
  } else describe(name, { timeout: 120_000 }, specification)
}

export function launchChromium(): Promise<Browser> {
  if (CHROMIUM === undefined) throw new Error(`There is no Chromium in ${PLACES.join(', ')}.`)
  // The sandbox of Chromium does not start as root, as CI runs.
  return chromium.launch({ executablePath: CHROMIUM, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
}

/** Builds the page from its sources unless that has been done; returns its folder. */
export async function builtPage(): Promise<string> {
  mkdirSync(join(root, 'dist'), { recursive: true })
  // Several test files may ask at once: one builds, the others wait for it.
  for (;;) {
    if (isFresh() && !existsSync(LOCK)) return FOLDER
    if (isFirst()) break
    await sleep(100)
  }
  try {
    if (isFresh()) return FOLDER
    await build({ root: join(root, 'ui'), logLevel: 'error', build: { outDir: FOLDER, emptyOutDir: true } })
  } finally {
    rmSync(LOCK, { recursive: true, force: true })
  }
  return FOLDER
}

// --- internal ---

const PLACES = ['$MIGRATEST_CHROMIUM', '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const CHROMIUM = [process.env.MIGRATEST_CHROMIUM ?? '', ...PLACES.slice(1)].find(
  (path) => path !== '' && existsSync(path),
)

const FOLDER = join(root, 'dist', 'ui')
const LOCK = join(root, 'dist', 'ui-is-being-built')
const PATIENCE_MS = 60_000

/** Returns `true` if the page is newer than its sources. */
function isFresh(): boolean {
  const sources = globSync(['ui/**/*', 'src/{ui,schema,sql,migrate}/**/*.ts'], { cwd: root })
  const newest = Math.max(...sources.map((file) => statSync(join(root, file)).mtimeMs))
  const built = statSync(join(FOLDER, 'index.html'), { throwIfNoEntry: false })
  return built !== undefined && built.mtimeMs > newest
}

/** Returns `true` for one process at a time. A lock whose process was killed is removed after a while. */
function isFirst(): boolean {
  try {
    mkdirSync(LOCK)
    return true
  } catch {
    const since = statSync(LOCK, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
    if (Date.now() - since > PATIENCE_MS) rmSync(LOCK, { recursive: true, force: true })
    return false
  }
}
