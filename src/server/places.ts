/** Where the keeper of a server is found, and where its files are. */
import { mkdirSync, statfsSync, statSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { ServerUnavailableError } from './errors.ts'

const MIN_SHM_BYTES = 512 * 2 ** 20

/** Ours alone to write; others may pass through it, since a server that runs as another user has its data inside. */
export function runtimeFolder(): string {
  const folder = join(fastFolder(), `migratest-${userInfo().uid}`)
  mkdirSync(folder, { recursive: true, mode: 0o711 })
  const { uid, mode } = statSync(folder)
  if (process.getuid && (uid !== process.getuid() || (mode & 0o022) !== 0)) {
    throw new ServerUnavailableError(`${folder} belongs to somebody else or is writable by others.`, {
      hint: 'Remove it, or set TMPDIR to a folder of your own.',
    })
  }
  return folder
}

/** Files only we may read: URLs with passwords, logs. */
export function privateFolder(): string {
  const folder = join(runtimeFolder(), 'private')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

/** Where the keeper of `key` listens. The address is also the mutex: only one process can listen on it. */
export function keeperAddress(key: string): string {
  const name = `migratest-${userInfo().uid}-${key}`
  // Linux and Windows free these names when the process ends, however it ends; a socket file would stay.
  if (process.platform === 'linux') return `\0${name}`
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`
  return join(privateFolder(), `${key}.sock`)
}

/** Memory where there is enough of it: test data need not survive a power cut. */
function fastFolder(): string {
  if (process.platform !== 'linux') return tmpdir()
  try {
    const { bavail, bsize } = statfsSync('/dev/shm')
    return bavail * bsize >= MIN_SHM_BYTES ? '/dev/shm' : tmpdir()
  } catch {
    return tmpdir()
  }
}
