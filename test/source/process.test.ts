/** Code migrations in a process of their own: breakpoints, and memory after a thousand loads. */
import { spawn, spawnSync } from 'node:child_process'
import { SourceMap } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { project } from '../support/project.ts'

/** A process that waits for a debugger, and one that speaks to it. */
async function debug(
  script: string,
  atScript: (url: string, map: string) => { line: number; column: number } | undefined,
) {
  const child = spawn(process.execPath, ['--inspect-brk=127.0.0.1:0', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  for await (const chunk of child.stderr) {
    said += chunk
    if (/ws:\/\/\S+/.test(said)) break
  }
  const socket = new WebSocket(/ws:\/\/\S+/.exec(said)?.[0] ?? '')
  onTestFinished(() => socket.close())
  await new Promise((done) => socket.addEventListener('open', done, { once: true }))
  let id = 0
  const send = (method: string, params: object = {}) => socket.send(JSON.stringify({ id: ++id, method, params }))
  const hit = new Promise<unknown>((resolve) => {
    socket.addEventListener('message', ({ data }) => {
      const { method, params } = JSON.parse(String(data))
      if (
        method === 'Debugger.scriptParsed' &&
        params.sourceMapURL?.startsWith('data:') &&
        params.url.includes('?migratest=')
      ) {
        const place = atScript(params.url, Buffer.from(params.sourceMapURL.split(',')[1], 'base64').toString())
        if (!place) return
        send('Debugger.setBreakpointByUrl', { url: params.url, lineNumber: place.line, columnNumber: place.column })
      }
      if (method !== 'Debugger.paused') return
      const { location } = params.callFrames[0]
      // A pause without a breakpoint is the start of the program.
      if (params.hitBreakpoints.length > 0) resolve(location.lineNumber)
      else send('Debugger.resume')
    })
  })
  send('Runtime.enable')
  send('Debugger.enable')
  send('Runtime.runIfWaitingForDebugger')
  return hit
}

test('a breakpoint set in the TypeScript is hit', { timeout: 30_000 }, async () => {
  const { root } = project({
    '1_a.ts':
      "interface A {\n  a: string\n}\n\nenum E { a }\n\nexport async function up() {\n  const here: A = { a: 'b' }\n  return [here, E.a] as any\n}\n",
  })
  const script = `
const { ModuleLoader } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/source/module/loader.ts'))})
const { up } = await new ModuleLoader((path) => path).load(${JSON.stringify(join(root, '1_a.ts'))})
await new Promise((done) => setTimeout(done, 300))
await up()`
  let expected = -1
  const hit = await debug(script, (_, text) => {
    const map = JSON.parse(text)
    expect(map.sources).toEqual([pathToFileURL(join(root, '1_a.ts')).href])
    // Find the position in the compiled code for line 8 of the file, as a debugger does.
    const lines = (map.mappings as string).split(';')
    const source = new SourceMap(map)
    for (const [line] of lines.entries()) {
      const entry = source.findEntry(line, 200)
      if ('originalLine' in entry && entry.originalLine === 7) {
        expected = line
        return { line, column: 0 }
      }
    }
    return undefined
  })
  expect(hit).toBe(expected)
})

test('a thousand reloads keep nothing', { timeout: 60_000 }, async () => {
  const script = `
import { mkdtempSync, writeFileSync } from 'node:fs'
import { ModuleLoader } from ${JSON.stringify(join(import.meta.dirname, '../../src/source/module/loader.ts'))}
const folder = mkdtempSync(${JSON.stringify(join(tmpdir(), 'reloads-'))})
const loader = new ModuleLoader((path) => path)
const reload = async (i) => {
  writeFileSync(folder + '/h.ts', 'export const big: string = ' + JSON.stringify('x'.repeat(20000) + i))
  writeFileSync(folder + '/1_a.ts', "import { big } from './h.ts'\\nexport const up = () => " + i + " + big.length")
  const { up } = await loader.load(folder + '/1_a.ts')
  if (up() !== i + 20000 + String(i).length) throw new Error('stale')
}
const used = () => { for (let i = 0; i < 5; i++) gc(); return process.memoryUsage().heapUsed }
for (let i = 0; i < 200; i++) await reload(i)
await new Promise((done) => setTimeout(done, 50))
const before = used()
for (let i = 0; i < 1000; i++) await reload(i)
await new Promise((done) => setTimeout(done, 50))
console.log(Math.round((used() - before) / 1000))`
  // V8's cache of what it compiled is emptied when memory gets short; here it would hide what we keep.
  const flags = ['--expose-gc', '--no-compilation-cache', '--input-type=module']
  const child = spawn(process.execPath, [...flags, '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  for await (const chunk of child.stdout) out += chunk
  // Bytes a reload; a module that stays holds its 20 000 letters.
  expect(Number(out.trim() || 'NaN')).toBeLessThan(1024)
})

test('a module that ends the process while it is loaded is told with the migration', () => {
  const { root } = project({
    '1_a.ts': "import './settings.ts'\nexport const up = () => undefined",
    'settings.ts': 'process.exit(3)',
  })
  const script = `
const { ModuleLoader } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/source/module/loader.ts'))})
await new ModuleLoader((path) => path).load(${JSON.stringify(join(root, '1_a.ts'))})`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(status).toBe(3)
  expect(stderr).toContain(`the process ended while ${join(root, '1_a.ts')} was loaded`)
})

test('many files that are loaded at once are told together, and Node warns of nothing', () => {
  const names = Array.from({ length: 20 }, (_, i) => `${i + 1}_a.ts`)
  const { root } = project(Object.fromEntries(names.map((name) => [name, 'await new Promise(() => undefined)'])))
  const script = `
const { ModuleLoader } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/source/module/loader.ts'))})
const loader = new ModuleLoader((path) => path)
const paths = ${JSON.stringify(names.map((name) => join(root, name)))}
await Promise.all(paths.map((path) => loader.load(path)))`
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(stderr).not.toContain('MaxListenersExceededWarning')
  expect(stderr).toContain(`the process ended while ${join(root, '1_a.ts')} and 19 more were loaded`)
})

// In vitest's own processes, vitest decides what an import of CommonJS gives.
test.for([
  // Tools compile such a migration to CommonJS.
  ['commonjs', 'it,1,10'],
  ['module', ',1,'],
] as const)('in a package of type %s, what CommonJS exports is imported as its tools give it', ([type, expected]) => {
  const { root } = project({
    'package.json': JSON.stringify({ type }),
    'node_modules/logger/package.json': '{ "name": "logger", "version": "1.0.0" }',
    'node_modules/logger/index.js':
      'Object.defineProperty(exports, "__esModule", { value: true }); exports.default = { title: "it" }; exports.level = 1',
    'node_modules/hashes/package.json': '{ "name": "hashes", "version": "1.0.0" }',
    'node_modules/hashes/index.js': '(function (make) { module["exports"] = make() })(() => ({ rounds: 10 }))',
    '1_a.ts': `import logger, { level } from 'logger'\nimport * as hashes from 'hashes'\nexport const up = () => [logger.title, level, hashes.rounds].join()`,
  })
  const { result, stderr } = upOf(join(root, '1_a.ts'))
  expect(result, stderr).toBe(expected)
})

test('a package of ES modules without a default is its own default, as what TypeScript compiles to CommonJS gets it', () => {
  const files = {
    'node_modules/finder/package.json':
      '{ "name": "finder", "version": "1.0.0", "type": "module", "exports": "./index.js" }',
    'node_modules/finder/index.js': "export const find = () => 'found'",
    '1_a.ts': "import finder from 'finder'\nexport const up = () => finder.find()",
  }
  expect(upOf(join(project({ ...files, 'package.json': '{}' }).root, '1_a.ts')).result).toBe('found')
  const { stderr } = upOf(join(project({ ...files, 'package.json': '{ "type": "module" }' }).root, '1_a.ts'))
  expect(stderr).toContain('"finder" has no export named "default"')
})

/** Loads a migration in a process of its own. Returns what it writes of its up's result. */
function upOf(file: string) {
  const script = `
const { ModuleLoader } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/source/module/loader.ts'))})
const { up } = await new ModuleLoader((path) => path).load(${JSON.stringify(file)})
console.log(up())`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  return { result: stdout.trim(), stderr }
}
