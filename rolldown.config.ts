/**
 * Bundles the built package into few files: a test process that loads two hundred modules spends most of that time on
 * finding them. All files are in one folder, where the keeper's program is found beside whoever starts it.
 */
import { defineConfig, type OutputChunk } from 'rolldown'

export default defineConfig({
  input: {
    index: 'dist/index.js',
    vite: 'dist/presets/vitePlugin.js',
    vitest: 'dist/fixtures/vitest.js',
    'vitest-plugin': 'dist/presets/vitestPlugin.js',
    postgres: 'dist/presets/postgres.js',
    mysql: 'dist/presets/mysql.js',
    mariadb: 'dist/presets/mariadb.js',
    pglite: 'dist/presets/pglite.js',
    sources: 'dist/presets/sources.js',
    contract: 'dist/src/migrate/contract/index.js',
    main: 'dist/src/cli/main.js',
    keeper: 'dist/src/server/keeper.js',
  },
  platform: 'node',
  // A path may begin with a drive.
  external: /^(?![./]|[a-z]:)/i,
  checks: { ineffectiveDynamicImport: false },
  // `migratest/vitest` imports a module only because it adds matchers.
  treeshake: { moduleSideEffects: true },
  plugins: [
    { name: 'builtins', renderChunk: (code: string) => withoutFacades(code) },
    {
      name: 'chunks',
      generateBundle: (_, files) => {
        const chunks = Object.values(files).filter((file) => file.type === 'chunk')
        refuseCircles(new Map(chunks.map((chunk) => [chunk.fileName, chunk])))
        for (const name of importDirectly(chunks)) delete files[name]
        for (const chunk of chunks) chunk.code = inAscii(chunk.code)
      },
    },
  ],
  output: {
    dir: 'dist/lib',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    codeSplitting: {
      // A group is what its folder says, not also what that imports: a process loads few of them.
      includeDependenciesRecursively: false,
      groups: [
        {
          name: 'program',
          test: /\/src\/cli\/(?:(?:program|options|commands|commandTable|context|progress|render|toolTables|move)|commands\/(?:status|up))\.[jt]s/,
        },
        // The entry point needs these two at once.
        { name: 'output', test: /\/src\/cli\/(?:output|packageFiles)\.[jt]s/ },
        { name: 'formats', test: /\/src\/source\/(?:formats\/|open\.[jt]s)/ },
        { name: 'modules', test: /\/src\/source\/module\/(?!registry)/ },
        { name: 'functions', test: /\/src\/source\/function\// },
        // What runs git or starts servers loads modules of Node that `status` and `up` do not need.
        { name: 'git', test: /\/src\/source\/(?:git|folderAtRevision)/ },
        {
          name: 'core',
          test: /\/src\/(?:migrate\/(?!contract)|sql|schema|source|server\/kinds|database\/[^/]+\.[jt]s$|cli\/config)/,
        },
        // A command loads the files that connect first, and the rest of the driver while the server answers.
        {
          name: 'postgres-connection',
          test: /\/src\/database\/postgres\/(?:address|behind|connection|failure|kind|scram|scripts|session)\.[jt]s$/,
        },
        {
          name: 'postgres-driver',
          test: /\/src\/database\/postgres\/(?:driver|driverSession|drop|lock|rows\/development|sessionSettings|state|steps\/[^/]+|tables)\.[jt]s$/,
        },
        { name: 'postgres-schema', test: /\/src\/database\/postgres\// },
        { name: 'mysql-driver', test: /\/src\/database\/mysql\// },
        { name: 'servers', test: /\/src\/server\/(?!keeper)/ },
        { name: 'testing', test: /\/src\/testing\/lease\// },
      ],
    },
  },
})

/**
 * Takes Node's modules from `process.getBuiltinModule`. An `import` of one reads each of its exports, and with `node:fs` that
 * loads its promises, streams and readline: 5 ms of a process that starts. Functions of zlib, which few commands call, are
 * taken when they are called: it takes a millisecond to load.
 */
function withoutFacades(code: string): string {
  const line = /^import (?:(\w+)(?:, )?)?(?:\* as (\w+)|\{([^}]*)\})? from "(node:[\w/]+)";$/gm
  return code.replace(line, (_, whole?: string, namespace?: string, names?: string, module?: string) => {
    const from = `process.getBuiltinModule("${module}");`
    if (module === 'node:zlib' && names) {
      const functions = names.split(',').map((name) => name.trim().split(' as ') as [string, string?])
      return functions
        .map(([own, as = own]) => `const ${as} = (...given) => ${from.slice(0, -1)}.${own}(...given);`)
        .join('\n')
    }
    const given = [whole, namespace, names && `{${names.replaceAll(' as ', ': ')}}`]
    return given.flatMap((what) => (what ? `const ${what} = ${from}` : [])).join('\n')
  })
}

/**
 * Writes characters outside of ASCII as escapes, which mean the same in strings, templates, regular expressions and comments.
 * With one such character, a file takes V8 twice the memory and Node twice the time to load.
 * @throws Error for such a character in `String.raw`, where an escape means itself
 */
function inAscii(code: string): string {
  if (/String\.raw`[^`]*[^\0-\x7f`]/.test(code)) throw new Error('String.raw has a character outside of ASCII.')
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/**
 * Lets dynamic imports name the file that has the code. Rolldown writes a file for each that only passes names on, and it
 * takes half a millisecond to find and load it.
 * @returns the names of the files that nothing imports any more
 */
function importDirectly(chunks: readonly OutputChunk[]): string[] {
  const passesOn = /^export \{ ([^}]+) \} from "(\.\/[^"]+)";\n$/
  return chunks.flatMap(({ code, fileName, isEntry }) => {
    const [, names, from] = (!isEntry && passesOn.exec(code)) || []
    if (!names) return []
    const given = names.split(', ').map((name) => name.split(' as '))
    const direct = `import("${from}").then((it) => ({ ${given.map(([own, as = own]) => `${as}: it.${own}`)} }))`
    for (const chunk of chunks) chunk.code = chunk.code.replaceAll(`import("./${fileName}")`, () => direct)
    return fileName
  })
}

/**
 * Refuses files that import each other in a circle: the one that begins first would find the constants of the others missing.
 * @throws Error
 */
function refuseCircles(files: ReadonlyMap<string, OutputChunk>): void {
  const done = new Set<string>()
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) throw new Error(`Bundled files import each other: ${[...path, name].join(' → ')}`)
    if (done.has(name)) return
    for (const next of files.get(name)?.imports ?? []) visit(next, [...path, name])
    done.add(name)
  }
  for (const name of files.keys()) visit(name, [])
}
