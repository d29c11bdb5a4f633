/** The data of an image, which the keeper keeps for later servers in containers. */
import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { connect } from '../../src/database/postgres/connection.ts'
import { acquireServer, stopServer } from '../../src/server/acquire.ts'
import { imageOf, openEngine } from '../../src/server/engine.ts'
import { type Initialized, InitializedData } from '../../src/server/initializedData.ts'
import type { ServerRequest } from '../../src/server/request.ts'
import { settingArguments } from '../../src/server/settings.ts'
import { describeOnServers } from '../support/servers.ts'

let requests = 0

/** A server whose settings nobody else asks for, so its data is this test's own. */
function request(flags: ServerRequest['flags']): ServerRequest {
  const own: ServerRequest = {
    kind: 'postgres',
    from: 'container',
    version: undefined,
    image: undefined,
    flags,
    setup: [],
    own: `${process.pid}-${requests++}`,
  }
  onTestFinished(() => stopServer(own))
  return own
}

/** Settings of a test's own, and the data that is kept for them. It is removed when the test ends. */
async function settings() {
  const flags = { 'migratest.test': `${process.pid}-${requests++}`, shared_buffers: '16MB' }
  const { docker, ImageName } = await openEngine()
  const given = { kind: 'postgres', version: undefined, image: undefined, flags } as const
  const image = ImageName.fromString(imageOf(given)).string
  const data = new InitializedData(docker, { kind: 'postgres', image, settings: settingArguments(given) })
  onTestFinished(async () => {
    const found = await data.find()
    if (found) await data.forget(found)
  })
  const volumes = async (): Promise<string[]> => {
    const all = (await docker.listVolumes({ filters: { label: ['migratest.initialized'] } })).Volumes ?? []
    return all.map(({ Name }) => Name)
  }
  return { flags, data, image, volumes }
}

async function until<T>(value: () => Promise<T | undefined>): Promise<T> {
  for (let i = 0; i < 600; i++) {
    const found = await value()
    if (found !== undefined) return found
    await sleep(50)
  }
  throw new Error(`This did not come true within 30 s: ${value}`)
}

/** Starts a server, leaves it alone until its data is kept, and stops it. */
async function keptData({ flags, data }: Awaited<ReturnType<typeof settings>>): Promise<Initialized> {
  const first = request(flags)
  const lease = await acquireServer(first)
  expect(await data.find()).toBeUndefined()
  lease.release()
  const found = await until(() => data.find())
  await stopServer(first)
  return found
}

/** Returns the number that PostgreSQL gives to data when it is made. */
async function identifier(url: string): Promise<string> {
  const client = await connect(url)
  const { rows } = await client.query('select system_identifier::text as id from pg_control_system()')
  await client.end()
  return (rows[0] as { id: string }).id
}

/** Builds an image of PostgreSQL with these lines in its Dockerfile. */
function imageWith(lines: string): string {
  const name = `migratest-test-${process.pid}-${requests++}`
  const prefix = process.env.TESTCONTAINERS_HUB_IMAGE_NAME_PREFIX
  const [from, tag] = [imageOf({ kind: 'postgres', version: undefined, image: undefined }), name].map((one) =>
    prefix === undefined ? one : `${prefix}/${one}`,
  ) as [string, string]
  execFileSync('docker', ['build', '-q', '-t', tag, '-'], { input: `FROM ${from}\n${lines}\n`, stdio: 'pipe' })
  onTestFinished(() => void execFileSync('docker', ['rmi', '-f', tag], { stdio: 'pipe' }))
  return name
}

describeOnServers(['container'], 'an image with settings of its own', () => {
  test('keeps the arguments with which it makes its data', async () => {
    const image = imageWith('ENV POSTGRES_INITDB_ARGS="--wal-segsize=1"')
    const lease = await acquireServer({ ...request({}), image })
    const client = await connect(lease.server.url)
    const { rows } = await client.query('show wal_segment_size')
    await client.end()
    lease.release()
    expect(rows).toEqual([{ wal_segment_size: '1MB' }])
  })

  test('and a password of its own is an error that says so, before the time is over', async () => {
    const entrypoint = ['sh', '-c', 'POSTGRES_PASSWORD=own exec docker-entrypoint.sh "$@"', 'sh']
    const image = imageWith(`ENTRYPOINT ${JSON.stringify(entrypoint)}\nCMD ["postgres"]`)
    await expect(acquireServer({ ...request({}), image })).rejects.toThrow(/refuses the password that it was given/)
  })
})

describeOnServers(['container'], 'data that an image has made', () => {
  test('is kept when nobody uses the server, and later servers begin with a copy of their own', async () => {
    const own = await settings()
    const { password } = await keptData(own)
    const [one, two] = await Promise.all([acquireServer(request(own.flags)), acquireServer(request(own.flags))])
    const urls = [one.server.url, two.server.url]
    expect(urls.map((url) => new URL(url).password)).toEqual([password, password])
    // Both have it from the same data, and what one writes is not in the other.
    expect(await identifier(urls[0] as string)).toBe(await identifier(urls[1] as string))
    const client = await connect(urls[0] as string)
    await client.query('create database written')
    await client.end()
    await expect(connect((urls[1] as string).replace(/\/postgres$/, '/written'))).rejects.toThrow(/does not exist/)
    for (const { release } of [one, two]) release()
  })

  test('is made anew where somebody has damaged it', async () => {
    const own = await settings()
    const { volume, password } = await keptData(own)
    execFileSync('docker', [
      'run',
      '--rm',
      '--entrypoint',
      'rm',
      '-v',
      `${volume}:/kept`,
      own.image,
      '-r',
      '/kept/data/global',
    ])
    const lease = await acquireServer(request(own.flags))
    expect(new URL(lease.server.url).password).not.toBe(password)
    expect(await identifier(lease.server.url)).toMatch(/^\d+$/)
    expect(await own.data.find()).toBeUndefined()
    expect(await own.volumes()).not.toContain(volume)
    lease.release()
  })

  test('is made anew where somebody has removed its volume, or Docker has made an empty one of that name', async () => {
    const own = await settings()
    for (const makeEmpty of [false, true]) {
      const { volume } = await keptData(own)
      execFileSync('docker', ['volume', 'rm', volume])
      if (makeEmpty) execFileSync('docker', ['volume', 'create', volume])
      expect(await own.data.find()).toBeUndefined()
      if (makeEmpty) execFileSync('docker', ['volume', 'rm', volume])
    }
  })

  test('that is being made when the keeper ends leaves nothing', async () => {
    const own = await settings()
    const first = request(own.flags)
    const before = new Set(await own.volumes())
    const { release } = await acquireServer(first)
    release()
    const made = await until(async () => (await own.volumes()).find((name) => !before.has(name)))
    await stopServer(first)
    // The keeper has told us that it ends, and removes what it was making before it has ended.
    await until(async () => ((await own.volumes()).includes(made) ? undefined : true))
    expect(await own.data.find()).toBeUndefined()
  })
})
