/** The package in a process that a test has started: its bundle, which such a process loads in a tenth of the time. */

/** Loads what the package exports. */
export function bundled(): Promise<typeof import('../../index.ts')> {
  return load('index.js')
}

/** Loads the preset of PostgreSQL, which shares modules with the package's own file. */
export async function bundledPostgres(): Promise<typeof import('../../presets/postgres.ts')['postgres']> {
  const { postgres } = await load<typeof import('../../presets/postgres.ts')>('postgres.js')
  return postgres
}

// --- internal ---

/** `globalSetup.ts` says where the bundle is. */
function load<Module>(file: string): Promise<Module> {
  return import(`${process.env.MIGRATEST_BUNDLED}/${file}`)
}
