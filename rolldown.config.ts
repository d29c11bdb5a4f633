/**
 * Bundles the built package into few files: a test process that loads two hundred modules spends most of that time on
 * finding them. All files are in one folder, where the keeper's program is found beside whoever starts it.
 */
import { defineConfig } from 'rolldown'

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
      name: 'no-circles',
      generateBundle: (_: unknown, files: object) => refuseCircles(new Map(Object.entries(files))),
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
          test: /\/src\/cli\/(?:program|options|commands|commandTable|context|progress|render|toolTables)\.[jt]s/,
        },
        { name: 'formats', test: /\/src\/source\/(?:formats\/|open\.[jt]s)/ },
        { name: 'modules', test: /\/src\/source\/module\/(?!registry)/ },
        { name: 'functions', test: /\/src\/source\/function\// },
        // What runs git or starts servers loads modules of Node that `status` and `up` do not need.
        { name: 'git', test: /\/src\/source\/(?:git|folderAtRevision)/ },
        { name: 'core', test: /\/src\/(?:migrate\/(?!contract)|sql|schema|source|server\/kinds)/ },
        { name: 'packages', test: /\/src\/packages\/(?!pack\.)/ },
        { name: 'postgres-driver', test: /\/src\/database\/postgres\// },
        { name: 'mysql-driver', test: /\/src\/database\/mysql\// },
        { name: 'database', test: /\/src\/database\/[^/]+\.[jt]s$/ },
        { name: 'servers', test: /\/src\/server\/(?!keeper)/ },
        { name: 'testing', test: /\/src\/testing\/lease\// },
      ],
    },
  },
})

/**
 * Takes Node's modules from `process.getBuiltinModule`. An `import` of one reads each of its exports, and with `node:fs` that
 * loads its promises, streams and readline: 5 ms of a process that starts.
 */
function withoutFacades(code: string): string {
  const line = /^import (?:(\w+)(?:, )?)?(?:\* as (\w+)|\{([^}]*)\})? from "(node:[\w/]+)";$/gm
  return code.replace(line, (_, whole?: string, namespace?: string, names?: string, module?: string) => {
    const from = `process.getBuiltinModule("${module}");`
    const given = [whole, namespace, names && `{${names.replaceAll(' as ', ': ')}}`]
    return given.flatMap((what) => (what ? `const ${what} = ${from}` : [])).join('\n')
  })
}

/**
 * Refuses files that import each other in a circle: the one that begins first would find the constants of the others missing.
 * @throws Error
 */
function refuseCircles(files: ReadonlyMap<string, { readonly imports?: readonly string[] }>): void {
  const done = new Set<string>()
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) throw new Error(`Bundled files import each other: ${[...path, name].join(' → ')}`)
    if (done.has(name)) return
    for (const next of files.get(name)?.imports ?? []) visit(next, [...path, name])
    done.add(name)
  }
  for (const name of files.keys()) visit(name, [])
}
