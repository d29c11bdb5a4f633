/** Schemas of MySQL and MariaDB drawn at random, from few names, so that two of them have much in common. */

/** A generator of numbers from 0 to 1 that gives the same ones for the same seed. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function randomSchema(random: () => number, mariadb: boolean): string {
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T
  const chance = (share: number) => random() < share
  const some = <T>(all: readonly T[], share: number) => all.filter(() => chance(share))
  const tables = shuffled(some(['t1', 't2', 't3', 't4'], 0.7), random)
  const made: { name: string; columns: Column[]; idType: string }[] = []
  const statements: string[] = []
  const later: string[] = []
  const last: string[] = []
  for (const name of tables) {
    const idType = pick(['int', 'bigint', 'int unsigned'])
    const columns = shuffled(some(['a', 'b', 'c', 'd', 'e', 'f'], 0.6), random).map((column) =>
      randomColumn(column, random),
    )
    const lines = columns.map(({ text }) => text)
    const plain = columns.filter(({ computed }) => !computed)
    const numbers = plain.filter(({ family }) => family === 'number')
    for (const { name: column, family } of some(numbers, 0.2)) {
      const computed = pick(['g', 'h'])
      if (columns.some((one) => one.name === computed)) continue
      const kind = pick(['virtual', 'stored'])
      lines.splice(
        Math.floor(random() * (lines.length + 1)),
        0,
        `${computed} bigint as (${column} + ${pick([1, 2])}) ${kind}`,
      )
      columns.push({ name: computed, text: '', family, computed: true })
    }
    lines.unshift(`id ${idType} not null${chance(0.3) ? ' auto_increment' : ''}`)
    lines.push('primary key (id)')
    for (const index of ['k1', 'k2', 'k3']) {
      const able = columns.filter(({ text }) => !text.includes(' json'))
      if (!chance(0.4) || able.length === 0) continue
      const parts = [...new Set([pick(able), ...(chance(0.4) ? [pick(able)] : [])])]
      const list = parts.map((one) => `${one.name}${one.family === 'text' ? '(5)' : ''}${chance(0.2) ? ' desc' : ''}`)
      const unique = chance(0.2) ? 'unique ' : ''
      lines.push(`${unique}key ${index} (${list.join(', ')})${chance(0.1) ? " comment 'x'" : ''}`)
    }
    const words = columns.filter(({ family }) => family === 'text' || family === 'string')
    if (words.length > 0 && chance(0.2)) lines.push(`fulltext key ft (${pick(words).name})`)
    for (const number of some(numbers, 0.25))
      lines.push(`constraint ${name}_${number.name}_ok check (${number.name} > ${pick([-5, -9])})`)
    if (!mariadb && words.length > 0 && chance(0.15)) lines.push(`key low ((lower(left(${pick(words).name}, 3))))`)
    const options = [
      pick(['', '', ' default charset = utf8mb4', ' default charset = latin1', ' collate = utf8mb4_bin']),
      chance(0.2) ? ` comment = '${pick(['x', "it''s", 'a;b'])}'` : '',
      chance(0.1) ? ' row_format = dynamic' : '',
    ].join('')
    const partitioned = chance(0.12) && !lines.some((line) => /^(?:unique|fulltext)/.test(line))
    const partition = partitioned
      ? pick([
          ' partition by hash (id) partitions 2',
          ' partition by hash (id) partitions 3',
          ' partition by range (id) (partition p0 values less than (10), partition p1 values less than maxvalue)',
          ' partition by range (id) (partition p0 values less than (10), partition p2 values less than (50), partition p1 values less than maxvalue)',
          ' partition by list (id) (partition l0 values in (1, 2), partition l1 values in (3))',
          ' partition by list (id) (partition l0 values in (1), partition l1 values in (2, 3), partition l2 values in (4))',
          ' partition by key (id) partitions 2',
          ' partition by range (id) subpartition by hash (id) subpartitions 2 (partition p0 values less than (10), partition p1 values less than maxvalue)',
        ])
      : ''
    statements.push(`create table ${name} (${lines.join(', ')})${options}${partition};`)
    if (!partitioned) made.push({ name, columns, idType })
    for (const other of some(made, 0.5)) {
      const refers = `r_${other.name}`
      if (partitioned) continue
      later.push(
        `alter table ${name} add column ${refers} ${other.idType}, add ${chance(0.5) ? `constraint ${name}_${other.name} ` : ''}foreign key (${refers}) references ${other.name} (id)${pick(['', ' on delete cascade', ' on delete set null', ' on update cascade'])};`,
      )
    }
    if (chance(0.4) && numbers.length > 0)
      for (const trigger of some(['x', 'y', 'z'], 0.4))
        later.push(
          `create trigger ${name}_${trigger} ${pick(['before insert', 'before update'])} on ${name} for each row set new.${pick(numbers).name} = ${pick([1, 2])};`,
        )
    if (!partitioned && chance(0.15))
      later.push(
        `alter table ${name} add column place point${mariadb ? '' : ' srid 4326'} not null, add spatial index (place);`,
      )
    if (chance(0.15))
      later.push(
        mariadb
          ? `alter table ${name} add column hidden int invisible default 3;`
          : `alter table ${name} add column hidden int default 3 invisible;`,
      )
    if (mariadb && !partitioned && chance(0.12)) last.push(`alter table ${name} add system versioning;`)
    if (!mariadb && chance(0.15) && columns.length > 0)
      later.push(`create index unseen on ${name} (id desc) invisible;`)
    if (!mariadb && chance(0.15) && !lines[0]?.includes('auto_increment'))
      later.push(`alter table ${name} add key shifted ((id + ${pick([1, 2])}));`)
    if (chance(0.15) && words.length > 0)
      later.push(
        `alter table ${name} add column copied varchar(60) as (concat(${pick(words).name}, 'x')) ${pick(['virtual', 'stored'])};`,
      )
    if (chance(0.2))
      later.push(
        `alter table ${name} add column made timestamp(${pick([0, 3])}) not null default current_timestamp(${pick([0, 3])}) `
          .replace(
            /timestamp\((\d)\) not null default current_timestamp\(\d\)/,
            'timestamp($1) not null default current_timestamp($1)',
          )
          .trim()
          .concat(';'),
      )
  }
  const views = some(['v1', 'v2'], 0.5).filter(() => tables.length > 0)
  views.forEach((view, at) => {
    const source = at > 0 && chance(0.5) ? views[0] : pick(tables)
    later.push(`create view ${view} as select id from ${source} where id > ${pick([0, 1])};`)
  })
  if (views.length > 0 && chance(0.3))
    later.push(
      `create sql security invoker view v3 as select id, count(*) as n from ${views[0]} group by id${pick(['', ' having count(*) > 1'])};`,
    )
  if (tables.length > 0 && chance(0.3))
    later.push(
      `create view v4 as select * from ${pick(tables)} where id > 3 with ${pick(['local', 'cascaded'])} check option;`,
    )
  if (mariadb && chance(0.3)) later.push(`create sequence s1 start with ${pick([1, 5])} increment by ${pick([1, 2])};`)
  if (chance(0.3))
    later.push(
      `create function f3(a varchar(9)) returns varchar(${pick([9, 12])}) deterministic begin declare x int; set x = ${pick([1, 2])}; return concat(a, x); end;`,
    )
  if (chance(0.3))
    later.push(`create function f${pick([1, 2])}(a int) returns int deterministic return a + ${pick([1, 2])};`)
  if (chance(0.3)) later.push(`create procedure p1() select ${pick([1, 2])};`)
  if (chance(0.2))
    later.push(
      `create event e2 on schedule at '2040-01-0${pick([1, 2])} 00:00:00' on completion preserve comment '${pick(['x', 'y'])}' do select 1;`,
    )
  if (chance(0.2)) later.push(`create event e1 on schedule every ${pick([1, 2])} day disable do select 1;`)
  return [...statements, ...later, ...last].join('\n')
}

// --- internal ---

interface Column {
  readonly name: string
  readonly text: string
  readonly family: 'number' | 'string' | 'text' | 'time' | 'other'
  readonly computed?: boolean
}

const TYPES: readonly (readonly [string, Column['family'], readonly string[]])[] = [
  ['int', 'number', ['', ' default 1', ' not null default 0']],
  ['bigint', 'number', ['', ' default 7', ' not null default 2']],
  ['decimal(8,2)', 'number', ['', ' default 1.50']],
  [
    'varchar(20)',
    'string',
    ['', " default 'x'", " not null default ''", ' character set latin1', ' collate utf8mb4_bin'],
  ],
  ['varchar(40)', 'string', ['', " comment 'it''s'"]],
  ['text', 'text', ['', " default ('y')"]],
  ["enum('p','q')", 'other', ['', " default 'p'"]],
  ["enum('q','p','r')", 'other', ['', " not null default 'q'"]],
  ['datetime', 'time', ['', ' default current_timestamp', ' default current_timestamp on update current_timestamp']],
  ['json', 'text', ['']],
]

function randomColumn(name: string, random: () => number): Column {
  const [type, family, rests] = TYPES[Math.floor(random() * TYPES.length)] as (typeof TYPES)[number]
  const rest = rests[Math.floor(random() * rests.length)] ?? ''
  return { name, text: `${name} ${type}${rest}`, family: type === 'json' ? 'other' : family }
}

function shuffled<T>(all: readonly T[], random: () => number): T[] {
  return all
    .map((one) => ({ one, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one)
}
