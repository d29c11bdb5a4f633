/** Database URLs as people have them: each part is honoured or refused by name, and no message holds a piece of a password. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { clientConfig, labelOf as mysqlLabel } from '../../src/database/mysql/address.ts'
import { addressOf, fallbackOf, labelOf } from '../../src/database/postgres/address.ts'
import { folder } from '../support/cli.ts'

const first = (url: string) => addressOf(url, {}).configs[0]
const refusal = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('It was not refused.')
}

describe('PostgreSQL', () => {
  test.each([
    ['postgres://u:p%40ss@h:6543/shop', { user: 'u', password: 'p@ss', host: 'h', port: 6543, database: 'shop' }],
    ['postgres://u:p@ss@h/shop', { user: 'u', password: 'p@ss', host: 'h', database: 'shop' }],
    ['postgres://[::1]:5433/shop', { host: '::1', port: 5433 }],
    ['postgres://%2Fvar%2Frun/shop', { host: '/var/run' }],
    ['postgres:///shop?host=/tmp&port=5434&user=me', { host: '/tmp', port: 5434, user: 'me', database: 'shop' }],
    ['postgres://h/shop?search_path=app', { options: '-c search_path=app' }],
    [
      'postgres://h/shop?search_path=app&options=-c%20statement_timeout%3D5000',
      { options: '-c statement_timeout=5000 -c search_path=app' },
    ],
    ['postgres://h/shop?schema=app', { options: '-c search_path=app' }],
    ['postgres://h/shop?schema=MyApp', { options: '-c search_path="MyApp"' }],
    ['postgres://h/shop?currentSchema=app,public', { options: '-c search_path=app,public' }],
    [
      'postgres://h/shop?connect_timeout=3&statement_timeout=700',
      { connectionTimeoutMillis: 3000, statement_timeout: 700 },
    ],
    ['postgres://h/shop?pgbouncer=true&connection_limit=1&x-migrations-table=m', { database: 'shop' }],
  ])('%s', (url, expected) => {
    expect(first(url)).toMatchObject(expected)
  })

  test('several hosts are tried in turn', () => {
    const { configs, wanted } = addressOf('postgres://a:1,b:2,c/shop?target_session_attrs=read-write', {})
    expect(configs.map(({ host, port }) => [host, port])).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', undefined],
    ])
    expect(wanted).toBe('primary')
  })

  test('sslmode is what libpq means by it', () => {
    const tls = (query: string) => first(`postgres://h/shop?${query}`)?.ssl
    expect(tls('sslmode=disable')).toBe(false)
    for (const mode of ['require', 'prefer', 'no-verify'])
      expect(tls(`sslmode=${mode}`)).toMatchObject({ rejectUnauthorized: false })
    expect(tls('sslmode=verify-ca')).toMatchObject({
      rejectUnauthorized: true,
      checkServerIdentity: expect.any(Function),
    })
    expect(tls('sslmode=verify-full')).toEqual({ rejectUnauthorized: true })
    const refused = Object.assign(new Error('no pg_hba.conf entry'), { code: '28000' })
    const without = new Error('The server does not support SSL connections')
    const config = (mode: string) => first(`postgres://h/shop?sslmode=${mode}`) ?? {}
    expect(fallbackOf(config('prefer'), without)?.ssl).toBe(false)
    expect(fallbackOf(config('allow'), refused)?.ssl).toMatchObject({ rejectUnauthorized: false })
    for (const mode of ['require', 'verify-full', 'disable']) expect(fallbackOf(config(mode), refused)).toBeUndefined()
  })

  test('a service file gives what the URL does not say', () => {
    const file = join(folder({}), 'services')
    writeFileSync(file, '# mine\n[other]\nhost=x\n[shop]\nhost = db.example\nport=6000\ndbname=shop\n')
    expect(first(`postgres://u@/?service=shop&servicefile=${encodeURIComponent(file)}`)).toMatchObject({
      host: 'db.example',
      port: 6000,
      database: 'shop',
      user: 'u',
    })
    expect(refusal(() => first(`postgres:///x?service=none&servicefile=${encodeURIComponent(file)}`))).toMatch(
      /There is no service "none"/,
    )
  })

  test.each([
    ['postgres://h/shop?searchpath=app', /parameter that is not known here: searchpath.\s+Did you mean search_path\?/],
    ['postgres://h/shop?sslmode=maybe', /sslmode=maybe\? There is disable, allow/],
    ['postgres://h/shop?target_session_attrs=standby', /target_session_attrs=standby/],
    ['postgres://h/shop?client_encoding=latin1', /client_encoding=latin1/],
    ['postgres://h:many/shop', /not a port number/],
  ])('%s is refused by name', (url, message) => {
    expect(refusal(() => first(url))).toMatch(message)
  })

  test('an address of version 6 is shown in brackets', () => {
    expect(labelOf({ database: 'shop', host: '::1', port: 5432 })).toBe('"shop" on [::1]:5432')
  })
})

describe('MySQL', () => {
  test('an authority alone asks for SSL that it has signed', () => {
    const file = join(folder({ 'ca.pem': 'CA' }), 'ca.pem')
    expect(clientConfig(`mysql://h/shop?ssl-ca=${file}`, {}).ssl).toEqual({ rejectUnauthorized: true, ca: 'CA' })
    const prisma = clientConfig(`mysql://h/shop?sslaccept=strict&sslcert=${file}`, {})
    expect(prisma.ssl).toEqual({ rejectUnauthorized: true, verifyIdentity: true, ca: 'CA' })
  })

  test.each([
    ['mysql://root:x@[::1]:3307/shop', { host: '::1', port: 3307 }],
    ['mysql://u:p@tcp(db.example:3306)/shop', { host: 'db.example', user: 'u', password: 'p' }],
    ['mysql://u:p@unix(/run/m.sock)/shop', { socketPath: '/run/m.sock' }],
    ['mariadb://u@h/shop?sslmode=require&multiStatements=true', { ssl: { rejectUnauthorized: false } }],
    ['mysql://u@h/shop?connect_timeout=3', { connectTimeout: 3000 }],
    ['mysql://u@h/shop?sslaccept=strict', { ssl: { rejectUnauthorized: true, verifyIdentity: true } }],
    ['mysql://u@h/shop?sslaccept=accept_invalid_certs', { ssl: { rejectUnauthorized: false } }],
    ['mysql://u@h/shop?ssl-mode=VERIFY_IDENTITY', { ssl: { rejectUnauthorized: true, verifyIdentity: true } }],
    ['mysql://u@h/shop?tls=true', { ssl: { rejectUnauthorized: true, verifyIdentity: true } }],
    ['mysql://u@h/shop?ssl={"rejectUnauthorized":false}', { ssl: { rejectUnauthorized: false } }],
    ['mysql://u@h/shop?ssl=Amazon%20RDS', { ssl: 'Amazon RDS' }],
  ])('%s', (url, expected) => {
    expect(clientConfig(url, {})).toMatchObject(expected)
  })

  test.each([
    ['mysql://h/shop?sslmod=require', /not known here: sslmod.\s+Did you mean sslmode\?/],
    ['mysql://h/shop?charset=latin1', /charset=latin1/],
    ['mysql://h/shop?ssl-mode=bogus', /ssl-mode=bogus is not known here.*verify_identity/s],
    ['mysql://h/shop?ssl-ca=/nope.pem', /ssl-ca=\/nope\.pem: that file cannot be read/],
    ['mysql://h/shop?ssl={x', /not JSON/],
    ['mysql://a:1,b:2/shop', /several hosts/],
  ])('%s is refused by name', (url, message) => {
    expect(refusal(() => clientConfig(url, {}))).toMatch(message)
  })
})

test('whatever is left unencoded in a password, no message and no label holds a piece of it', () => {
  // No message of ours has these letters and digits, so that a piece is found only where it was let out.
  const character = fc.constantFrom(...'QZJqz789@:/?#%&=+,[]!$ ')
  const passwords = fc.string({ unit: character, minLength: 6, maxLength: 16 }).map((text) => `Zq${text}`)
  const pieces = (password: string) =>
    Array.from({ length: password.length - 3 }, (_, i) => password.slice(i, i + 4)).filter((piece) =>
      /[QZJqz789]/.test(piece),
    )
  fc.assert(
    fc.property(passwords, (password) => {
      const ways = [
        () => {
          const { database, host, port } = first(`postgres://owner:${password}@db.example:5432/shop`) ?? {}
          return labelOf({ database, ...(host && { host }), ...(port && { port }) })
        },
        () => mysqlLabel(clientConfig(`mysql://owner:${password}@db.example:3306/shop`, {})),
      ]
      for (const way of ways) {
        let said: string
        try {
          said = way()
        } catch (error) {
          said = (error as Error).message
        }
        for (const piece of pieces(password)) expect(said).not.toContain(piece)
      }
    }),
    { numRuns: 10_000 },
  )
})
