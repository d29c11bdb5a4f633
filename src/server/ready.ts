import { loadPg } from '../database/postgres/connection.ts'

/** Whether a server takes queries at this URL, as opposed to only taking connections. */
export async function answers(url: string): Promise<boolean> {
  const { Client } = await loadPg()
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2000, application_name: 'migratest' })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('SELECT 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Runs SQL once, as the administrator. */
export async function runSetup(url: string, setup: readonly string[]): Promise<void> {
  if (setup.length === 0) return
  const { Client } = await loadPg()
  const client = new Client({ connectionString: url, application_name: 'migratest' })
  client.on('error', () => undefined)
  await client.connect()
  try {
    for (const sql of setup) await client.query(sql)
  } finally {
    await client.end().catch(() => undefined)
  }
}
