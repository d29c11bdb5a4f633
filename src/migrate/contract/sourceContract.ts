import assert from 'node:assert/strict'
import { DuplicateVersionError, FileNameError } from '../errors.ts'
import type { Source } from '../source.ts'

export interface SourceSubject {
  /** Opens a source with these files; keys are file names, values their texts. */
  open(files: Readonly<Record<string, string>>): Promise<Source> | Source
}

interface Rule {
  readonly name: string
  run(subject: SourceSubject): Promise<void>
}

const FILES = {
  '10_ten.up.sql': 'CREATE 10',
  '10_ten.down.sql': 'DROP 10',
  '2_two.up.sql': 'CREATE 2',
  '7_only_down.down.sql': 'DROP 7',
  'README.md': 'not a migration',
}

export const sourceContract: readonly Rule[] = [
  {
    name: 'lists migrations by number, not by text, each with its halves',
    async run({ open }) {
      const list = await (await open(FILES)).list()
      assert.deepEqual(
        list.map((m) => [m.version, m.name, m.up !== undefined, m.down !== undefined]),
        [
          [2, 'two', true, false],
          [7, 'only_down', false, true],
          [10, 'ten', true, true],
        ],
      )
    },
  },
  {
    name: 'returns one body, and null for a half that does not exist',
    async run({ open }) {
      const source = await open(FILES)
      const [two, seven, ten] = await source.list()
      assert(two && seven && ten)
      assert.deepEqual(await source.read(ten, 'up'), { kind: 'sql', text: 'CREATE 10' })
      assert.deepEqual(await source.read(ten, 'down'), { kind: 'sql', text: 'DROP 10' })
      assert.equal(await source.read(two, 'down'), null)
      assert.equal(await source.read(seven, 'up'), null)
    },
  },
  {
    name: 'keeps a byte order mark, CRLF and characters beyond the basic plane',
    async run({ open }) {
      const text = "\uFEFF-- 😀\r\nselect 'ü'\r\n"
      const source = await open({ '1_😀 "quoted".up.sql': text })
      const [only] = await source.list()
      assert(only)
      assert.equal(only.name, '😀 "quoted"')
      assert.deepEqual(await source.read(only, 'up'), { kind: 'sql', text })
    },
  },
  {
    name: 'is empty if there are no migrations',
    async run({ open }) {
      assert.deepEqual(await (await open({ 'README.md': '' })).list(), [])
    },
  },
  {
    name: 'takes versions up to 9007199254740991 and refuses higher ones, naming the file',
    async run({ open }) {
      const highest = await (await open({ '9007199254740991_last.up.sql': '' })).list()
      assert.equal(highest[0]?.version, Number.MAX_SAFE_INTEGER)
      const beyond = await open({ '9007199254740992_beyond.up.sql': '' })
      await assert.rejects(
        beyond.list(),
        (error) => error instanceof FileNameError && error.message.includes('beyond.up.sql'),
      )
    },
  },
  {
    name: 'refuses two files for one half, naming both',
    async run({ open }) {
      const source = await open({ '1_a.up.sql': '', '01_b.up.sql': '' })
      await assert.rejects(source.list(), (error) => {
        assert(error instanceof DuplicateVersionError)
        assert.equal(error.version, 1)
        assert.match(error.message, /1_a\.up\.sql/)
        assert.match(error.message, /01_b\.up\.sql/)
        return true
      })
    },
  },
  {
    name: 'refuses an .sql file with an invalid name',
    async run({ open }) {
      for (const name of ['1.up.sql', '1_foobar.sql', 'foobar.up.sql', '-1_foobar.up.sql']) {
        const source = await open({ [name]: '' })
        await assert.rejects(source.list(), (error) => error instanceof FileNameError && error.message.includes(name))
      }
    },
  },
  {
    name: 'ignores files that look like migrations of another tool, and names them',
    async run({ open }) {
      const source = await open({ '1_a.up.sql': '', '2_b.up.go': '', '3_c.up.sql~': '' })
      assert.equal((await source.list()).length, 1)
      const named = (source.passedOver ?? []).join(' ')
      assert.match(named, /2_b\.up\.go/)
      assert.match(named, /3_c\.up\.sql~/)
    },
  },
]
