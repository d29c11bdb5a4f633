/** `migratest ui --export`: writes the page into one file. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readAssets } from '../ui/assets.ts'
import { savePage } from '../ui/savedPage.ts'
import { singleFile } from '../ui/singleFile.ts'
import type { Context } from './context.ts'
import { inspect } from './page.ts'
import { plural } from './render.ts'

/** @param target a file that ends in `.html`, or a folder, which gets an `index.html` */
export async function exportPage(context: Context, target: string): Promise<number> {
  const assets = readAssets()
  const url = context.hasDatabase ? context.url : undefined
  const inspector = await inspect(context, { url, server: '', mode: 'saved' })
  const { unread } = inspector.state
  if (unread) throw Object.assign(new Error(unread.message), { code: unread.code })
  const server = await context.testServer()
  const source = await context.source()
  context.busy('starting a server')
  const data = await savePage({ inspector, source, server, onProgress: (text) => context.busy(text) })
  context.idle()
  const html = singleFile(assets, data)
  const file = /\.html?$/i.test(target) ? target : join(target, 'index.html')
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, html)
  const count = data.state.stations.length
  const bytes = Buffer.byteLength(html)
  context.print(`Wrote ${file}: ${plural(count, 'migration')}, ${Math.ceil(bytes / 1000)} kB.`, {
    file,
    migrations: count,
    bytes,
  })
  for (const [key, why] of Object.entries(data.missing).slice(0, 1))
    context.tell(`warning: from ${key} on there is no schema: ${why}`)
  return 0
}
