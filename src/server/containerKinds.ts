/** The kinds of servers differ in these values when they run in a container. */
import { createRequire } from 'node:module'
import type { GenericContainer } from 'testcontainers'
import { loadPackage } from '../migrate/loadPackage.ts'
import { type ServerKind, TITLES } from './kinds.ts'

interface Image {
  readonly name: string
  /** Its variables, as `NAME=value`. */
  readonly environment: readonly string[]
}

export interface ContainerKind {
  /** The version if the request names none. */
  readonly version: string
  readonly port: number
  /** The folder that holds the data, in memory or in a volume. */
  readonly data: string
  readonly module: string
  /** Returns an administrator's URL. */
  readonly urlAt: (password: string, address: string) => string
  /** Loads the package that `make` uses. @throws NotInstalledError, NotLoadedError */
  readonly load: () => Promise<unknown>
  /**
   * Creates the container, with its data in memory or in a volume.
   * @param settings arguments of the server
   * @throws NotInstalledError, NotLoadedError
   */
  readonly make: (
    image: Image,
    password: string,
    settings: readonly string[],
    volume: string | undefined,
  ) => Promise<GenericContainer>
}

const POSTGRES_DATA = '/migratest'
const MYSQL_DATA = '/var/lib/mysql'

export const CONTAINERS: Readonly<Record<ServerKind, ContainerKind>> = {
  postgres: {
    version: '18',
    port: 5432,
    // Outside the image's volume, whose place depends on the version.
    data: POSTGRES_DATA,
    module: '@testcontainers/postgresql',
    urlAt: (password, address) => `postgres://postgres:${password}@${address}/postgres`,
    load: loadPostgresql,
    make: async (image, password, settings, volume) => {
      const { PostgreSqlContainer } = await loadPostgresql()
      const container = new PostgreSqlContainer(image.name).withDatabase('postgres').withUsername('postgres')
      return holding(container.withPassword(password), POSTGRES_DATA, volume)
        .withEnvironment({
          PGDATA: `${POSTGRES_DATA}/data`,
          POSTGRES_INITDB_ARGS: [...initdbArguments(image), ...(volume === undefined ? ['--no-sync'] : [])].join(' '),
        })
        .withCommand(['postgres', ...settings])
    },
  },
  mysql: {
    version: '9.7',
    port: 3306,
    data: MYSQL_DATA,
    module: '@testcontainers/mysql',
    urlAt: mysqlUrl,
    load: loadMysql,
    make: async (image, password, settings, volume) => {
      const { MySqlContainer } = await loadMysql()
      const container = new MySqlContainer(image.name).withRootPassword(password).withUserPassword(password)
      return holding(container, MYSQL_DATA, volume).withCommand(['mysqld', ...settings])
    },
  },
  mariadb: {
    version: '11.8',
    port: 3306,
    data: MYSQL_DATA,
    module: '@testcontainers/mariadb',
    urlAt: mysqlUrl,
    load: loadMariadb,
    make: async (image, password, settings, volume) => {
      const { MariaDbContainer } = await loadMariadb()
      const container = new MariaDbContainer(image.name).withRootPassword(password).withUserPassword(password)
      return holding(container, MYSQL_DATA, volume).withCommand(['mariadbd', ...settings])
    },
  },
}

/** Returns whether the package that starts such a container is installed where this package finds it. */
export function canBeLoaded(kind: ServerKind): boolean {
  try {
    return createRequire(import.meta.url).resolve(CONTAINERS[kind].module) !== ''
  } catch {
    return false
  }
}

// --- internal ---

function loadPostgresql() {
  return loadPackage('@testcontainers/postgresql', titled('postgres'), () => import('@testcontainers/postgresql'))
}

function loadMysql() {
  return loadPackage('@testcontainers/mysql', titled('mysql'), () => import('@testcontainers/mysql'))
}

function loadMariadb() {
  return loadPackage('@testcontainers/mariadb', titled('mariadb'), () => import('@testcontainers/mariadb'))
}

function titled(kind: ServerKind): string {
  return `${TITLES[kind]} in Docker`
}

/** Returns the arguments that the image itself gives: a locale, checksums. */
function initdbArguments({ environment }: Image): string[] {
  const variable = 'POSTGRES_INITDB_ARGS='
  return environment.flatMap((one) => (one.startsWith(variable) ? [one.slice(variable.length)] : []))
}

function holding<C extends GenericContainer>(container: C, data: string, volume: string | undefined): C {
  return volume === undefined
    ? container.withTmpFs({ [data]: 'rw' })
    : container.withBindMounts([{ source: volume, target: data, mode: 'rw' }])
}

function mysqlUrl(password: string, address: string): string {
  return `mysql://root:${password}@${address}/mysql`
}
