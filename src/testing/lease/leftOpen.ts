/** Warnings about connections and transactions that a test left open on its database. */
import type { LeftOpen } from '../testServer.ts'

/**
 * Prints a warning for each kind of leftover, once in a file: otherwise a pool that the whole file uses would cause a
 * warning for each test.
 */
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

/** If we ended such a session, its owner would get an uncaught error long after the test. */
const STAYS = 'its database stays until this process ends; close it in the test'

function describe({ application, state, given }: LeftOpen): string | undefined {
  const whose = application ? ` of "${application}"` : ''
  if (state === 'in-transaction')
    return given ? 'a transaction open: it was rolled back' : `a connection${whose} open, with a transaction: ${STAYS}`
  if (state === 'running')
    return given ? 'a statement running: it was ended' : `a connection${whose} open, with a statement running: ${STAYS}`
  // We close the clients that we gave to the test.
  return given ? undefined : `a connection${whose} open: ${STAYS}`
}
