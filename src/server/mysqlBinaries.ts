/** Finds the programs of MySQL and MariaDB on this machine. */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import type { Binaries } from './binaries.ts'
import type { ServerKind } from './kinds.ts'

/** Finds the installations of that kind on PATH and in the usual folders of packages, highest version first. */
export function findInstalledMysql(kind: Exclude<ServerKind, 'postgres'>): Binaries[] {
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    '/usr/libexec',
    '/usr/local/mysql/bin',
    ...globSync('/opt/homebrew/opt/{mysql,mariadb}*/bin'),
    ...globSync('/usr/local/opt/{mysql,mariadb}*/bin'),
  ]
  const seen = new Set<string>()
  const found: Binaries[] = []
  for (const folder of folders) {
    for (const name of PROGRAMS[kind]) {
      if (!folder || !existsSync(join(folder, name))) continue
      const real = realpathSync(join(folder, name))
      if (seen.has(real)) continue
      seen.add(real)
      const version = versionOf(real, kind)
      const installer = kind === 'mariadb' ? installerBeside(dirname(real)) : undefined
      if (!version || (kind === 'mariadb' && !installer)) continue
      found.push({
        folder: dirname(real),
        program: real.slice(dirname(real).length + 1),
        version,
        ...(installer && { installer }),
      })
    }
  }
  return found.sort((a, b) => Number.parseFloat(b.version) - Number.parseFloat(a.version))
}

// --- internal ---

/** Names of the server program; older versions of MariaDB call it mysqld, too. */
const PROGRAMS = { mysql: ['mysqld'], mariadb: ['mariadbd', 'mysqld'] } as const

function versionOf(program: string, kind: 'mysql' | 'mariadb'): string | undefined {
  const { stdout, status } = spawnSync(program, ['--no-defaults', '--version'], { cwd: '/', encoding: 'utf8' })
  if (status !== 0 || /mariadb/i.test(stdout) !== (kind === 'mariadb')) return undefined
  return /Ver (\d+(?:\.\d+)*)/.exec(stdout)?.[1]
}

function installerBeside(folder: string): string | undefined {
  const places = [folder, join(folder, '../bin'), join(folder, '../scripts')]
  const all = places.flatMap((place) => ['mariadb-install-db', 'mysql_install_db'].map((name) => join(place, name)))
  return all.find((path) => existsSync(path))
}
