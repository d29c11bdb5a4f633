/** Writes the built page and its data into one HTML file that needs no server. Pure. */
import { createHash } from 'node:crypto'
import type { Asset } from './assets.ts'
import type { SavedPage } from './protocol.ts'

/** @param assets the files of the built page */
export function singleFile(assets: ReadonlyMap<string, Asset>, data: SavedPage): string {
  const text = (path: string) => assets.get(path.replace(/^\.\//, ''))?.body.toString('utf8') ?? ''
  let script = ''
  let style = ''
  const html = text('index.html')
    .replace(/\s*<script type="module"[^>]* src="([^"]+)"[^>]*><\/script>/, (_, path: string) => {
      // The end tag must not occur in the script.
      script = text(path).replaceAll('</script', '<\\/script')
      return ''
    })
    .replace(/\s*<link rel="stylesheet"[^>]* href="([^"]+)"[^>]*>/, (_, path: string) => {
      style = text(path)
      return ''
    })
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    'img-src data:',
    'worker-src blob:',
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types default',
  ].join('; ')
  const json = JSON.stringify(data).replaceAll('<', '\\u003c')
  const head = `<meta http-equiv="Content-Security-Policy" content="${policy}"><style>${style}</style>`
  const body = `<script type="application/json" id="saved">${json}</script><script type="module">${script}</script>`
  // The policy must come before what it governs. Functions, since a `$` in the texts would have a meaning.
  return html.replace(/(<meta charset="[^"]*">)/, (meta) => `${meta}${head}`).replace('</body>', () => `${body}</body>`)
}

// --- internal ---

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
