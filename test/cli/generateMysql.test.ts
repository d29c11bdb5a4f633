/** `generate` and `diff` on MySQL and MariaDB, as they are typed. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Connection } from 'mysql2/promise'
import { expect, test } from 'vitest'
import type { TestServer } from '../../src/testing/testServer.ts'
import { cli, folder, write } from '../support/cli.ts'
import { mysqlScratch } from '../support/mysqlDatabase.ts'
import { describeOnDatabases } from '../support/servers.ts'

const INIT = `create table users (id int primary key auto_increment, name varchar(50) not null, key by_name (name));
create table posts (id int primary key auto_increment, author int not null, title varchar(200), constraint post_author foreign key (author) references users (id));
create event nightly on schedule every 1 day do delete from posts where id < 0;`

const WANTED = `create view titles as select p.title, u.full_name from posts p join users u on u.id = p.author;
create table users (id bigint primary key auto_increment, full_name varchar(50) not null, email varchar(100) not null, key by_name (full_name), check (email <> ''));
create table posts (id int primary key auto_increment, author bigint not null, published_at datetime, title varchar(200), constraint post_author foreign key (author) references users (id));
create event nightly on schedule every 1 day do delete from posts where id < 0;
delimiter //
create trigger trimmed before insert on posts for each row begin set new.title = trim(new.title); end//
delimiter ;
`

describeOnDatabases(['MySQL', 'MariaDB'], ({ name, server: anyServer }) => {
  const server = anyServer as TestServer<Connection>
  const dialect = name.toLowerCase()
  const project = () => folder({ 'migrations/1_init.up.sql': INIT, 'schema.sql': WANTED })

  test('writes the pair of files once its questions are answered, and they run', async () => {
    const cwd = project()
    const words = ['generate', '--dialect', dialect, '--schema', 'schema.sql']
    const asked = cli(words, {}, cwd)
    expect([asked.code, asked.out]).toEqual([3, ''])
    expect(asked.err).toContain("--rename 'column users.name = users.full_name'")
    const answers = ['--rename', 'column users.name = users.full_name', '--fill', "users.email=concat(full_name, '@x')"]
    expect(cli([...words, ...answers, '--check'], {}, cwd).code).toBe(1)
    const written = cli([...words, ...answers], {}, cwd)
    expect(written.out).toMatch(/^migrations\/2_\w+\.up\.sql\n.*\n\d statements up, \d statements down; proven/)
    const [file = ''] = written.out.split('\n')
    const text = readFileSync(join(cwd, file), 'utf8')
    expect(text).toMatch(
      /ALTER TABLE `users`\n {2}MODIFY COLUMN `id` bigint.*\n {2}RENAME COLUMN `name` TO `full_name`/,
    )
    expect(text).toMatch(/DELIMITER ;;\nCREATE trigger .* end;;\nDELIMITER ;\n$/is)
    expect(cli(words, {}, cwd).out).toMatch(/^Nothing to do/)
    expect(cli([...words, '--check'], {}, cwd).code).toBe(0)
    const db = await mysqlScratch(server)
    const on = ['--path', join(cwd, 'migrations'), '--database', db.url]
    cli(['goto', '1', ...on])
    await db.client.query("insert into users (name) values ('Ada')")
    expect(cli(['up', ...on]).code).toBe(0)
    expect(await db.rows('select full_name, email from users')).toEqual([{ full_name: 'Ada', email: 'Ada@x' }])
    expect(cli(['down', '1', '--yes', ...on]).code).toBe(0)
    expect(await db.rows('select name from users')).toEqual([{ name: 'Ada' }])
  })

  test.for([
    [
      'Drizzle',
      '0000_init.sql',
      'create table users (id int primary key, name varchar(50))',
      {
        'meta/_journal.json': JSON.stringify({
          version: '5',
          dialect: 'mysql',
          entries: [{ idx: 0, version: '5', when: 1, tag: '0000_init', breakpoints: true }],
        }),
      },
    ],
    [
      'goose',
      '20240101000000_init.sql',
      '-- +goose Up\ncreate table users (id int primary key, name varchar(50));\n-- +goose Down\ndrop table users;\n',
      {},
    ],
    [
      'dbmate',
      '20240101000000_init.sql',
      '-- migrate:up\ncreate table users (id int primary key, name varchar(50));\n-- migrate:down\ndrop table users;\n',
      {},
    ],
  ] as const)('writes bodies with semicolons as %s sends them, without DELIMITER', ([, name, init, more]) => {
    const files = { [name]: init, ...more }
    const cwd = folder({
      ...Object.fromEntries(Object.entries(files).map(([path, text]) => [`migrations/${path}`, text])),
      'schema.sql': `create table users (id int primary key, name varchar(50));
delimiter //
create trigger trimmed before insert on users for each row begin set new.name = trim(new.name); set new.name = concat(new.name, ';'); end//
create procedure twice(in a int) begin select a; select ';'; end//
delimiter ;
`,
    })
    const words = ['generate', '--dialect', dialect, '--schema', 'schema.sql']
    const written = cli(words, {}, cwd)
    expect(written).toMatchObject({ code: 0 })
    const texts = written.out.split('\n').filter((line) => line.endsWith('.sql'))
    for (const file of texts) expect(readFileSync(join(cwd, file), 'utf8')).not.toMatch(/^DELIMITER/m)
    expect(cli(words, {}, cwd).out).toMatch(/^Nothing to do/)
  })

  test('diff is empty after up, shows what was done by hand, and writes it down', async () => {
    const cwd = project()
    const db = await mysqlScratch(server)
    const path = ['--path', join(cwd, 'migrations')]
    // The URL says MySQL on both: the server that answers decides which test server is taken.
    const on = [...path, '--database', db.url]
    cli(['up', ...on])
    const none = cli(['diff', ...on])
    expect([none.code, none.out]).toEqual([0, expect.stringMatching(/^No difference/)])
    await db.client.query('alter table users add column nick varchar(10) after id')
    await db.client.query('create procedure hand() begin select 1; select 2; end')
    const some = cli(['diff', ...on])
    expect([some.code, some.out]).toEqual([
      1,
      expect.stringMatching(/\+ {3}`nick` varchar\(10\).*\n[\s\S]*2 objects differ/),
    ])
    expect(cli(['diff', ...on, '--sql']).out).toMatch(/DROP PROCEDURE `hand`;[\s\S]*DROP COLUMN `nick`;/)
    const { out } = cli(['generate', 'by_hand', ...path, '--from-database', db.url, '--dry-run'])
    expect(out).toMatch(/^-- up: by_hand\nALTER TABLE `users` ADD COLUMN `nick` varchar\(10\) DEFAULT NULL AFTER `id`;/)
    expect(out).toMatch(/-- down\nDROP PROCEDURE `hand`;[\s\S]*-- migrate: destroys column users\.nick/)
  })

  test('says where the wanted SQL fails, and what the rows of a project do not fit', () => {
    const cwd = project()
    write(cwd, 'schema.sql', 'create table a (id int);\ncreate table b (id nope);\n')
    const { err, code } = cli(['generate', '--dialect', dialect, '--schema', 'schema.sql'], {}, cwd)
    expect([code, err]).toEqual([1, expect.stringMatching(/schema\.sql:2:1: .*\n[\s\S]*> 2 \| create table b/)])
    write(cwd, 'migrations/2_rows.up.sql', "insert into users (name) values ('not a number')")
    write(cwd, 'schema.sql', INIT.replace('name varchar(50) not null', 'name int not null'))
    const refused = cli(['generate', '--dialect', dialect, '--schema', 'schema.sql'], {}, cwd)
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringMatching(/incorrect integer value[\s\S]*ALTER TABLE `users`/i),
    ])
    const using = ['--using', 'users.name=char_length(name)']
    const { out } = cli(['generate', '--dialect', dialect, '--schema', 'schema.sql', '--dry-run', ...using], {}, cwd)
    expect(out).toContain('UPDATE `users` SET `name_new` = char_length(name);')
  })
})
