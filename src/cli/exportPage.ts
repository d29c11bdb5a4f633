/** Writes the page into one file: `migratest ui --export`, `migratest verify --report`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readAssets } from '../ui/assets.ts'
import type { FindingsDocument, SavedPage } from '../ui/protocol.ts'
import { savePage } from '../ui/savedPage.ts'
import { singleFile } from '../ui/singleFile.ts'
import type { Context } from './context.ts'
import { inspect } from './page.ts'
import { plural } from './render.ts'

/** @param target a file that ends in `.html`, or a folder, which gets an `index.html` */
export async function exportPage(context: Context, target: string): Promise<number> {
  const url = context.hasDatabase ? context.url : undefined
  const { file, bytes, data } = await writePage(context, target, { url })
  const count = data.state.stations.length
  context.print(`Wrote ${file}: ${plural(count, 'migration')}, ${Math.ceil(bytes / 1000)} kB.`, {
    file,
    migrations: count,
    bytes,
  })
  for (const [key, why] of Object.entries(data.missing).slice(0, 1)) {
    context.tell(`warning: from ${key} on there is no schema: ${why}`)
  }
  return 0
}

interface Written {
  readonly file: string
  readonly bytes: number
  readonly data: SavedPage
}

/** Writes the page, with the state of a database if `url` is set, and with what `verify` found. */
export async function writePage(
  context: Context,
  target: string,
  { url, findings }: { url?: string | undefined; findings?: FindingsDocument },
): Promise<Written> {
  const assets = readAssets()
  const inspector = await inspect(context, { url, server: '', mode: 'saved' })
  const { unread } = inspector.state
  if (unread) throw Object.assign(new Error(unread.message), { code: unread.code })
  const server = await context.testServer()
  const source = await context.source()
  context.busy('starting a server')
  const data = await savePage({ inspector, source, server, findings, onProgress: (text) => context.busy(text) })
  context.idle()
  const html = singleFile(assets, data)
  const file = /\.html?$/i.test(target) ? target : join(target, 'index.html')
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, html)
  return { file, bytes: Buffer.byteLength(html), data }
}
