/** Servers that keep their data: the next start finds it, at the same URL. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { getContainerRuntimeClient } from 'testcontainers'
import { expect, onTestFinished, test } from 'vitest'
import { acquireServer, stopServer } from '../../src/server/acquire.ts'
import type { ServerRequest } from '../../src/server/request.ts'
import { describeOnServers } from '../support/servers.ts'

describeOnServers(['container', 'embedded', 'installed'], 'a server that keeps its data', (from) => {
  test('its rows, its port and its password are there the next time', async () => {
    const home = mkdtempSync(join(tmpdir(), 'migratest-kept-'))
    chmodSync(home, 0o755)
    const before = process.env.XDG_DATA_HOME
    process.env.XDG_DATA_HOME = home
    const request: ServerRequest = {
      kind: 'postgres',
      from,
      version: undefined,
      image: undefined,
      flags: {},
      setup: [],
      keep: true,
    }
    onTestFinished(async () => {
      await stopServer(request)
      await removeVolumes(home)
      if (before === undefined) delete process.env.XDG_DATA_HOME
      else process.env.XDG_DATA_HOME = before
      rmSync(home, { recursive: true, force: true })
    })
    const first = await acquireServer(request)
    const { url } = first.server
    await query(url, 'create table kept (v int); insert into kept values (7)')
    first.release()
    await stopServer(request)
    const second = await acquireServer(request)
    expect(second.server.url).toBe(url)
    expect(await query(url, 'select v from kept')).toEqual([{ v: 7 }])
    expect(await query(url, 'show fsync')).toEqual([{ fsync: 'on' }])
    second.release()
  })
})

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client(url)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** Removes the volumes of the servers that are remembered in that folder. */
async function removeVolumes(home: string): Promise<void> {
  const ids = readdirSync(home, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .map((name) => (JSON.parse(readFileSync(join(home, name), 'utf8')) as { id: string }).id)
  const engine = await getContainerRuntimeClient().catch(() => undefined)
  if (!engine) return
  const { dockerode } = engine.container as unknown as {
    dockerode: {
      listVolumes(): Promise<{ Volumes: { Name: string }[] }>
      getVolume(name: string): { remove(): Promise<void> }
    }
  }
  for (const { Name } of (await dockerode.listVolumes()).Volumes) {
    if (ids.some((id) => Name.includes(id))) await dockerode.getVolume(Name).remove()
  }
}
