/** Answers the requests of the page. Works in a server of its own and within vite's. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { OPERATORS, type RowRequest } from '../database/rowReader.ts'
import { UsageError } from '../migrate/errors.ts'
import { type Access, judge } from './access.ts'
import type { Asset } from './assets.ts'
import { failureOf } from './failure.ts'
import type { Inspector } from './inspector.ts'
import type { ErrorDocument, UiState } from './protocol.ts'
import { Stream } from './stream.ts'

export interface Handler {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>
  close(): void
}

export function createHandler(inspector: Inspector, assets: ReadonlyMap<string, Asset>, access: Access): Handler {
  const stream = new Stream(inspector)
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    for (const [name, value] of SECURITY) response.setHeader(name, value)
    const verdict = judge(request, access)
    if (verdict.kind === 'refused') return sendText(response, verdict.status, verdict.why)
    if (verdict.kind === 'entered') {
      response.setHeader('Set-Cookie', verdict.cookie)
      response.writeHead(303, { Location: access.base, 'Cache-Control': 'no-store' }).end()
      return
    }
    const url = new URL(request.url ?? '/', 'http://page')
    const path = url.pathname.startsWith(access.base) ? url.pathname.slice(access.base.length) : undefined
    if (path === undefined) return sendText(response, 404, 'There is nothing here.')
    if (path === 'api/events' && request.method === 'GET') return stream.add(request, response)
    const call = path.startsWith('api/') ? CALLS[`${request.method} ${path.slice(4)}`] : undefined
    if (call) {
      const body = request.method === 'POST' ? await readBody(request) : {}
      const result = await call(inspector, { query: (name) => url.searchParams.get(name) ?? undefined, body })
      return sendJson(response, 200, result)
    }
    if (path === '' && request.method !== 'POST')
      return sendAsset(request, response, withState(assets, inspector.state))
    const asset = request.method === 'POST' ? undefined : assets.get(path)
    if (asset) return sendAsset(request, response, asset)
    sendText(response, 404, 'There is nothing here.')
  }
  return {
    async handle(request, response) {
      try {
        await answer(request, response)
      } catch (error) {
        if (response.headersSent) response.destroy()
        else
          sendJson(response, error instanceof UsageError ? 400 : 500, {
            error: failureOf(error),
          } satisfies ErrorDocument)
      }
    },
    close: () => stream.close(),
  }
}

// --- internal ---

const SECURITY = [
  [
    'Content-Security-Policy',
    [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data:",
      "connect-src 'self'",
      'worker-src blob:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      'trusted-types default',
    ].join('; '),
  ],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['Referrer-Policy', 'no-referrer'],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
] as const

interface Ask {
  query(name: string): string | undefined
  readonly body: Readonly<Record<string, unknown>>
}

/** The requests of the page, by method and name. */
const CALLS: Readonly<Record<string, (inspector: Inspector, ask: Ask) => Promise<unknown> | unknown>> = {
  'GET state': (inspector) => inspector.state,
  'GET version': (inspector, { query }) => inspector.version(needed(query, 'key')),
  'GET schema': (inspector, { query }) => inspector.schema(needed(query, 'key')),
  'GET plan': (inspector, { query }) => inspector.plan(needed(query, 'from'), needed(query, 'to')),
  'GET tables': (inspector) => inspector.tables(),
  'GET rows': (inspector, { query }) => inspector.rows(rowRequest(query)),
  'GET findings': (inspector) => inspector.findings,
  'GET suggestions': (inspector) => inspector.suggestions(),
  'POST verify': (inspector) => {
    inspector.verify()
    return {}
  },
  'POST verify/stop': (inspector) => {
    inspector.stopVerifying()
    return {}
  },
  'POST move': (inspector, { body }) => {
    inspector.move(String(body.to))
    return {}
  },
  'POST answer': (inspector, { body }) => {
    inspector.reply(Number(body.id), body.answer)
    return {}
  },
  'POST generate': (inspector) => {
    inspector.propose('generate')
    return {}
  },
  'POST finish': (inspector) => {
    inspector.propose('finish')
    return {}
  },
  'POST refresh': async (inspector) => {
    await inspector.refresh()
    return {}
  },
}

/** @throws UsageError */
function rowRequest(query: Ask['query']): RowRequest {
  const [order, column, operator] = [query('order'), query('column'), query('operator')]
  const compared = OPERATORS.find((one) => one === operator)
  if (operator !== undefined && compared === undefined) throw new UsageError(`"${operator}" is not an operator.`)
  return {
    schema: query('schema') ?? '',
    table: needed(query, 'table'),
    order: order === undefined ? undefined : { column: order, descending: query('descending') === 'true' },
    filter: column === undefined || !compared ? undefined : { column, operator: compared, value: query('value') ?? '' },
  }
}

/** @throws UsageError */
function needed(query: Ask['query'], name: string): string {
  const value = query(name)
  if (value === undefined) throw new UsageError(`The request has no "${name}".`)
  return value
}

const MOST_BYTES = 10_000

/** @throws UsageError */
async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) throw new UsageError('The body is not JSON.')
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > MOST_BYTES) throw new UsageError('The body is too long.')
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Reported below.
  }
  throw new UsageError('The body is not a JSON object.')
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response
    .writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' })
    .end(`${text}\n`)
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response
    .writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
    .end(JSON.stringify(value ?? null))
}

/** The page with the state in it, so that it need not ask before it shows something. */
function withState(assets: ReadonlyMap<string, Asset>, state: UiState): Asset {
  const html = assets.get('index.html')?.body.toString('utf8') ?? ''
  // The events may be large, and the page gets them in a moment.
  const json = JSON.stringify({ ...state, events: undefined }).replaceAll('<', '\\u003c')
  const data = `<script type="application/json" id="state">${json}</script>`
  const body = Buffer.from(html.replace('</head>', () => `${data}</head>`))
  return { type: 'text/html; charset=utf-8', body, gzipped: gzipSync(body, { level: 1 }), lasting: false }
}

function sendAsset(request: IncomingMessage, response: ServerResponse, { type, body, gzipped, lasting }: Asset): void {
  const zipped = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
  response.writeHead(200, {
    'Content-Type': type,
    'Cache-Control': lasting ? 'private, max-age=31536000, immutable' : 'no-store',
    Vary: 'Accept-Encoding',
    ...(zipped && { 'Content-Encoding': 'gzip' }),
    'Content-Length': (zipped ? gzipped : body).length,
  })
  response.end(request.method === 'HEAD' ? undefined : zipped ? gzipped : body)
}
