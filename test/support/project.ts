/** A project with TypeScript migrations, in a folder of its own. */
import { join } from 'node:path'
import { ModuleLoader } from '../../src/source/module/loader.ts'
import { folder, write } from './cli.ts'

/** A project of the given files, in a folder of its own. */
export function project(files: Record<string, string>) {
  const root = folder(files)
  const loader = new ModuleLoader((path) => path.replace(`${root}/`, ''))
  return {
    root,
    write: (name: string, text: string) => write(root, name, text),
    loader,
    load: (name: string) => loader.load(join(root, name)),
  }
}

/** Runs `up` of 0001_it.ts with a context that collects what it logs. */
export async function said(files: Record<string, string>, main = '0001_it.ts'): Promise<string[]> {
  const { load } = project(files)
  const { up } = await load(main)
  const lines: string[] = []
  await up?.({
    client: {},
    dialect: 'postgres',
    sql: async () => [],
    signal: AbortSignal.abort(),
    log: (line) => lines.push(line),
  })
  return lines
}

export const UP = 'export function up({ log }: { log: (line: string) => void }) {'
