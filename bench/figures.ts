/** Keeps the figures of a run (`--record`) as JSON in docs/figures, and draws them as SVG. */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { median, type Series } from './measure.ts'

interface Bar {
  readonly name: string
  /** Milliseconds. */
  readonly median: number
  readonly min: number
  readonly max: number
}

interface Panel {
  readonly title: string
  /** When, where, and how busy the machine was. */
  readonly run: string
  readonly bars: readonly Bar[]
}

const FOLDER = join(import.meta.dirname, '..', 'docs', 'figures')

/** The panels of each picture, from top to bottom, by the names under which the parts of the bench record them. */
const PICTURES: Readonly<Record<string, { readonly title: string; readonly panels: readonly string[] }>> = {
  taking: { title: "A test's database at version 100, connected", panels: ['taking'] },
  applying: {
    title: 'Applying 100 migrations',
    panels: ['apply', 'network', 'apply-mariadb', 'network-mariadb'],
  },
  saving: { title: 'From a save to the database, 10 000 rows in the table', panels: ['watch'] },
}

/** Keeps the medians of a run under a name, if the bench was asked to, and draws them. */
export function record(name: string, title: string, series: readonly Series[]): void {
  if (!process.argv.includes('--record')) return
  const bars = series.map(({ name, times }) => ({
    name,
    median: rounded(median(times)),
    min: rounded(Math.min(...times)),
    max: rounded(Math.max(...times)),
  }))
  const day = new Date().toISOString().slice(0, 10)
  const run = `${day}, ${cpus().length} processors, Node ${process.version}, load average ${loadavg()[0]?.toFixed(1)}`
  writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify({ title, run, bars } satisfies Panel, null, 2)}\n`)
  draw()
}

// --- internal ---

const WIDTH = 760
const NAMES = 230
const VALUES = 90
const ROW = 30
const OWN = /^(?:migratest|migrate watch)/
const FLOOR = /^(?:floor|connect)/

/** Draws all pictures of which there are figures. */
function draw(): void {
  for (const [name, { title, panels }] of Object.entries(PICTURES)) {
    const read = panels.flatMap((panel) => panelNamed(panel) ?? [])
    if (read.length > 0) writeFileSync(join(FOLDER, `${name}.svg`), svg(title, read))
  }
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10
}

function panelNamed(name: string): Panel | undefined {
  try {
    return JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8'))
  } catch {
    return undefined
  }
}

/** Horizontal bars from zero, each with its value; a thin line from the least to the most. */
function svg(title: string, panels: readonly Panel[]): string {
  let y = 44
  const body = panels.map((panel) => {
    const top = y
    const scale = (WIDTH - NAMES - VALUES) / Math.max(...panel.bars.map((bar) => bar.median))
    const rows = panel.bars.map((bar, i) => barOf(bar, top + 40 + i * ROW, scale))
    y = top + 40 + panel.bars.length * ROW + 26
    return `<text class="panel" x="16" y="${top + 10}">${escaped(panel.title)}</text>
<text class="run" x="16" y="${top + 28}">milliseconds, medians; ${escaped(panel.run)}</text>
${rows.join('\n')}`
  })
  const said = panels.map(({ title, bars }) => `${title}: ${bars.map((bar) => `${bar.name} ${shown(bar)}`).join(', ')}`)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img" aria-labelledby="t d">
<title id="t">${escaped(title)}</title>
<desc id="d">${escaped(said.join('. '))}</desc>
<style>
svg { color-scheme: light dark; font-family: system-ui, -apple-system, "Segoe UI", sans-serif; background: #fff; }
text { fill: #1f2328; font-size: 14px; }
.title { font-size: 18px; font-weight: 600; }
.panel { font-weight: 600; }
.run { fill: #59636e; font-size: 12px; }
.own { fill: #0969da; }
.peer { fill: #afb8c1; }
.floor { fill: none; stroke: #818b98; stroke-width: 1.5; stroke-dasharray: 4 3; }
.back { fill: #fff; }
.ours { font-weight: 600; }
@media (prefers-color-scheme: dark) {
svg { background: #0d1117; }
text { fill: #f0f6fc; }
.run { fill: #9198a1; }
.own { fill: #4493f8; }
.peer { fill: #59636e; }
.floor { stroke: #9198a1; }
.back { fill: #0d1117; }
}
</style>
<rect class="back" width="${WIDTH}" height="${y}"/>
<text class="title" x="16" y="28">${escaped(title)}</text>
${body.join('\n')}
</svg>
`
}

function barOf(bar: Bar, y: number, scale: number): string {
  const kind = OWN.test(bar.name) ? 'own' : FLOOR.test(bar.name) ? 'floor' : 'peer'
  const width = Math.max(2, bar.median * scale).toFixed(1)
  const ours = kind === 'own' ? ' class="ours"' : ''
  return `<text${ours} x="${NAMES - 12}" y="${y + 15}" text-anchor="end">${escaped(bar.name)}</text><rect class="${kind}" x="${NAMES}" y="${y}" width="${width}" height="20" rx="2"/><text${ours} x="${(NAMES + Number(width) + 8).toFixed(1)}" y="${y + 15}">${shown(bar)}</text>`
}

function shown({ median }: Bar): string {
  return median >= 100 ? median.toFixed(0) : median.toFixed(1)
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
