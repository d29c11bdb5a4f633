/** Creates data directories and builds command lines for the servers' own programs. */
import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Binaries, majorOf, type User } from './binaries.ts'
import { ServerUnavailableError } from './errors.ts'
import type { ServerKind } from './kinds.ts'
import type { ServerRequest } from './request.ts'
import { settingArguments } from './settings.ts'

interface Data {
  readonly binaries: Binaries
  readonly data: string
  readonly password: string
  /** The user to run as; undefined: the current user. */
  readonly user: User | undefined
}

interface Program {
  /** Creates the data directory. @throws ServerUnavailableError */
  initialize(data: Data): void
  command(options: Data & { port: number; request: ServerRequest }): { program: string; args: string[] }
  /** Called when the server answers; removes files that were only needed for the start. */
  started?(data: string): void
  /** Returns an administrator's URL. */
  urlAt(password: string, port: number): string
  /** Name of the process id file in the data directory. */
  readonly pidFile: string
  /** Signal for an immediate shutdown, which need not save data. */
  readonly quit: NodeJS.Signals
  /** Signal for a clean shutdown, even while clients are connected. */
  readonly close: NodeJS.Signals
}

const POSTGRES: Program = {
  pidFile: 'postmaster.pid',
  quit: 'SIGQUIT',
  close: 'SIGINT',
  urlAt: (password, port) => `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
  initialize({ binaries, data, password, user }) {
    makeFolder(data, user)
    const passwordFile = join(data, '..', `${basename(data)}.pw`)
    writeFor(user, passwordFile, password)
    const locale =
      majorOf(binaries) >= 17 ? '--locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C' : '--locale=C'
    const args = `-U postgres -E UTF8 -A scram-sha-256 --no-sync --no-instructions ${locale}`.split(' ')
    try {
      run(join(binaries.folder, 'initdb'), ['-D', data, `--pwfile=${passwordFile}`, ...args], user)
    } finally {
      rmSync(passwordFile, { force: true })
    }
  },
  command({ binaries, data, port, request }) {
    const args = [
      '-D',
      data,
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      `port=${port}`,
      '-c',
      'unix_socket_directories=',
    ]
    return { program: join(binaries.folder, 'postgres'), args: [...args, ...settingArguments(request)] }
  },
}

const MYSQL: Program = {
  pidFile: 'mysqld.pid',
  quit: 'SIGKILL',
  close: 'SIGTERM',
  urlAt: (password, port) => `mysql://root:${password}@127.0.0.1:${port}/mysql`,
  initialize({ binaries, data, password, user }) {
    makeFolder(data, user)
    const into = [`--datadir=${filesOf(data)}`, '--innodb-flush-log-at-trx-commit=0']
    if (binaries.installer) {
      mkdirSync(filesOf(data), { mode: 0o700 })
      if (user) chownSync(filesOf(data), user.uid, user.gid)
      run(
        binaries.installer,
        ['--no-defaults', ...into, '--auth-root-authentication-method=normal', '--skip-test-db'],
        user,
      )
    } else run(serverOf(binaries), ['--no-defaults', '--initialize-insecure', ...into], user)
    writeFor(
      user,
      firstOf(data),
      `CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';
ALTER USER 'root'@'127.0.0.1' IDENTIFIED BY '${password}';
GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;
ALTER USER 'root'@'localhost' IDENTIFIED BY '${password}';
`,
    )
  },
  command({ binaries, data, port, request }) {
    const args = [
      '--no-defaults',
      `--datadir=${filesOf(data)}`,
      `--pid-file=${join(data, MYSQL.pidFile)}`,
      `--socket=${join(data, 'socket')}`,
      `--init-file=${firstOf(data)}`,
      '--bind-address=127.0.0.1',
      `--port=${port}`,
    ]
    return { program: serverOf(binaries), args: [...args, ...settingArguments(request)] }
  },
  started: (data) => rmSync(firstOf(data), { force: true }),
}

export const PROGRAMS: Readonly<Record<'postgres' | 'mysql', Program>> = { postgres: POSTGRES, mysql: MYSQL }

export function programOf(kind: ServerKind): Program {
  return kind === 'postgres' ? POSTGRES : MYSQL
}

export function failed(what: string, output: string): ServerUnavailableError {
  return new ServerUnavailableError(`${what}:\n${output.trim()}`)
}

// --- internal ---

function serverOf({ folder, program = 'mysqld' }: Binaries): string {
  return join(folder, program)
}

/** Returns the folder of the data files, a separate one, since it must be empty to begin with. */
function filesOf(data: string): string {
  return join(data, 'files')
}

/** Returns the file of SQL that the server runs when it starts. */
function firstOf(data: string): string {
  return join(data, 'first.sql')
}

function makeFolder(data: string, user: User | undefined): void {
  mkdirSync(data, { recursive: true, mode: 0o700 })
  if (user) chownSync(data, user.uid, user.gid)
}

function writeFor(user: User | undefined, file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 })
  if (user) chownSync(file, user.uid, user.gid)
}

function run(program: string, args: readonly string[], user: User | undefined): void {
  // Do not pass our environment: the programs would obey PGDATA, PGPORT and the like.
  const env = { PATH: process.env.PATH, TZ: 'UTC' }
  const { status, stderr, error } = spawnSync(program, args, { cwd: '/', encoding: 'utf8', env, ...user })
  if (status !== 0) throw failed(`${basename(program)} failed`, stderr || String(error?.message ?? ''))
}
