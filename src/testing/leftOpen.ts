/** What a test left open on its database: said, since it is ended with the test. */
import type { LeftOpen } from './testServer.ts'

/** Once for each kind, by file: a pool that the whole file uses would be told for each test. */
export function tellLeftOpen(
  left: readonly LeftOpen[],
  test: { readonly name: string; readonly file: string | undefined } | undefined,
  database: string,
): void {
  for (const found of left) {
    const words = describe(found)
    if (words === undefined) continue
    const key = `${test?.file ?? ''}\0${words}`
    if (told.has(key)) continue
    told.add(key)
    const statement = found.statement.replace(/\s+/g, ' ').trim().slice(0, 120)
    process.stderr.write(
      `migratest: ${test?.name ?? `the test that had ${database}`} left ${words}${statement && `; its last statement: ${statement}`}\n`,
    )
  }
}

// --- internal ---

const told = new Set<string>()

function describe({ application, state, given }: LeftOpen): string | undefined {
  const whose = application ? ` of "${application}"` : ''
  if (state === 'in a transaction')
    return `a transaction open${given ? '' : `, on a connection${whose}`}: it was rolled back`
  if (state === 'running') return `a statement running${given ? '' : `, on a connection${whose}`}: it was ended`
  // Ours are closed with the test.
  return given ? undefined : `a connection${whose} open: it was ended`
}
