/** Loading migrations in TypeScript: 200 with a helper, in a process of its own, first and again; and what a reload keeps. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { interleaved, type Series, table } from './measure.ts'

const OURS = join(import.meta.dirname, '..', 'dist', 'src', 'source', 'directory.js')

/** Each gives `load`, which loads all files afresh. Node knows no enums, so the files have none. */
const LOADERS: Record<string, string> = {
  migratest: `
    const { directory } = await import(${JSON.stringify(OURS)})
    const source = directory(folder)
    const load = async () => {
      for (const migration of await source.list()) {
        await source.read(migration, 'up')
        await source.read(migration, 'down')
      }
    }`,
  'node, types stripped': `
    let loads = 0
    const load = async () => { loads++; for (const file of files) await import(file + '?load=' + loads) }`,
  tsx: `
    const { tsImport } = await import('tsx/esm/api')
    const load = async () => { for (const file of files) await tsImport(file, import.meta.url) }`,
  jiti: `
    const { createJiti } = await import('jiti')
    const load = async () => {
      const jiti = createJiti(folder + '/x.ts', { moduleCache: false, fsCache: false })
      for (const file of files) await jiti.import(file)
    }`,
}

export async function loading(count: number, rounds: number): Promise<void> {
  const folder = writeModules(count)
  const again: Series[] = Object.keys(LOADERS).map((name) => ({ name, times: [] }))
  const first = await interleaved(Object.keys(LOADERS), rounds, async (name) => {
    const program = `
      const folder = ${JSON.stringify(folder)}
      const files = Array.from({ length: ${count} }, (_, i) => folder + '/' + (i + 1) + '_step.ts')
      const begun = performance.now()
      ${LOADERS[name]}
      await load()
      const loaded = performance.now()
      await load()
      console.log(loaded - begun, performance.now() - loaded)`
    const out = run(program, ['--disable-warning=ExperimentalWarning'])
    again.find((series) => series.name === name)?.times.push(out[1] ?? Number.NaN)
    return out[0] ?? Number.NaN
  })
  for (const { times } of again) times.shift()
  console.log(`## Load ${count} TypeScript migrations with a helper, first (${rounds} rounds)\n\n${table(first)}\n`)
  console.log(`Again, in the same process\n\n${table(again)}\n`)
  rmSync(folder, { recursive: true })
}

/** With V8's own cache of what it compiled off: it is emptied under pressure and would hide what stays. */
export function reloads(count: number): void {
  const folder = mkdtempSync(join(tmpdir(), 'bench-reloads-'))
  const program = `
    import { writeFileSync } from 'node:fs'
    const { ModuleLoader } = await import(${JSON.stringify(join(OURS, '..', 'module', 'loader.js'))})
    const loader = new ModuleLoader((path) => path)
    const folder = ${JSON.stringify(folder)}
    const reload = async (i) => {
      writeFileSync(folder + '/helper.ts', 'export const text: string = ' + JSON.stringify('x'.repeat(10_000) + i))
      writeFileSync(folder + '/1_a.ts', "import { text } from './helper.ts'\\nexport const up = () => text + " + i)
      await loader.load(folder + '/1_a.ts')
    }
    const used = async () => { for (let i = 0; i < 5; i++) { gc(); await new Promise((done) => setTimeout(done, 10)) } return process.memoryUsage().heapUsed }
    for (let i = 0; i < 200; i++) await reload(i)
    const before = await used()
    for (let i = 0; i < ${count}; i++) await reload(i)
    console.log((await used() - before) / ${count})`
  const [kept = Number.NaN] = run(program, ['--expose-gc', '--no-compilation-cache'])
  console.log(
    `## Memory, ${count} reloads of a migration and its helper of 10 KB\n\nKept a reload: ${kept.toFixed(0)} bytes.\n`,
  )
  rmSync(folder, { recursive: true })
}

function run(program: string, flags: readonly string[]): number[] {
  const options = { encoding: 'utf8', cwd: import.meta.dirname } as const
  return execFileSync(process.execPath, [...flags, '--input-type=module', '-e', program], options)
    .trim()
    .split(' ')
    .map(Number)
}

function writeModules(count: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'bench-modules-'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(
    join(folder, 'helper.ts'),
    "export const slug = (text: string): string => text.toLowerCase().replace(/[^a-z]+/g, '-')\n",
  )
  for (let i = 1; i <= count; i++) {
    writeFileSync(
      join(folder, `${i}_step.ts`),
      `import { slug } from './helper.ts'

interface Row {
  id: number
  name: string
}
type Sql = <R>(text: string, params?: unknown[]) => Promise<R[]>

export async function up({ sql }: { sql: Sql }): Promise<void> {
  for (const { id, name } of await sql<Row>('select id, name from users')) {
    await sql('update users set slug_${i} = $1 where id = $2', [slug(name), id])
  }
}

export async function down({ sql }: { sql: Sql }): Promise<void> {
  await sql('alter table users drop column slug_${i}')
}
`,
    )
  }
  return folder
}
