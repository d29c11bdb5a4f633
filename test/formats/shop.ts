/** Migrations as people write them, for tools whose files are plain SQL around which the tool has its own lines. */

export interface Change {
  readonly title: string
  readonly up: string
  readonly down: string
  /** `true` if the up cannot run in a transaction. */
  readonly isAlone?: boolean
}

export const SHOP: readonly Change[] = [
  {
    title: 'create_shop',
    up: `CREATE TYPE order_status AS ENUM ('new', 'paid');

CREATE TABLE customers (
  id serial PRIMARY KEY,
  email text NOT NULL UNIQUE
);

CREATE TABLE orders (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  customer_id integer NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
  status order_status NOT NULL DEFAULT 'new',
  changed_at timestamptz NOT NULL DEFAULT now()
);
`,
    down: 'DROP TABLE orders;\nDROP TABLE customers;\nDROP TYPE order_status;\n',
  },
  {
    title: 'refunds',
    up: "ALTER TYPE order_status ADD VALUE 'refunded';\n",
    down: '-- A value of an enum cannot be taken back.\n',
  },
  {
    title: 'touch_orders',
    // From a machine with Windows.
    up: [
      '-- Who changed an order, and when; see the handbook',
      'CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$',
      'BEGIN',
      "  IF NEW.status = 'refunded' THEN",
      '    NEW.changed_at := now();',
      '  END IF;',
      '  RETURN NEW;',
      'END;',
      '$$;',
      'CREATE TRIGGER touch_orders BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();',
      "CREATE INDEX refunded ON orders (changed_at) WHERE status = 'refunded';",
      '',
    ].join('\r\n'),
    down: ['DROP INDEX refunded;', 'DROP TRIGGER touch_orders ON orders;', 'DROP FUNCTION touch();', ''].join('\r\n'),
  },
  {
    title: 'order_lines',
    up: `CREATE TABLE "Order lines" (
  "orderId" uuid NOT NULL REFERENCES orders (id),
  "price; net" numeric(10, 2) NOT NULL,
  "say ""when""" text DEFAULT 'it''s; $$ -- quoted',
  PRIMARY KEY ("orderId", "price; net")
);
COMMENT ON COLUMN "Order lines"."price; net" IS 'ä, ö, ü 🎉';
INSERT INTO customers (email) VALUES ('ada@example.com'), ('grace@example.com');
`,
    down: 'DELETE FROM customers;\nDROP TABLE "Order lines";\n',
  },
  {
    title: 'find_orders',
    up: 'CREATE INDEX CONCURRENTLY "orders by status" ON orders (status);\n',
    down: 'DROP INDEX CONCURRENTLY "orders by status";\n',
    isAlone: true,
  },
  {
    title: 'names',
    up: `ALTER TABLE customers ADD COLUMN name text;
UPDATE customers SET name = split_part(email, '@', 1);
ALTER TABLE customers ALTER COLUMN name SET NOT NULL;
`,
    down: 'ALTER TABLE customers DROP COLUMN name;\n',
  },
]

/** The same in the SQL of MySQL and MariaDB. */
export const MYSQL_SHOP: readonly Change[] = [
  {
    title: 'create_shop',
    up: `CREATE TABLE customers (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  email varchar(200) NOT NULL UNIQUE
);

CREATE TABLE orders (
  id char(36) NOT NULL PRIMARY KEY,
  customer_id int NOT NULL,
  status enum ('new', 'paid') NOT NULL DEFAULT 'new',
  changed_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE
);
`,
    down: 'DROP TABLE orders;\nDROP TABLE customers;\n',
  },
  {
    title: 'refunds',
    up: "ALTER TABLE orders MODIFY status enum ('new', 'paid', 'refunded') NOT NULL DEFAULT 'new';\n",
    down: "ALTER TABLE orders MODIFY status enum ('new', 'paid') NOT NULL DEFAULT 'new';\n",
  },
  {
    title: 'order_lines',
    // From a machine with Windows.
    up: [
      '-- The lines of an order; see the handbook',
      'CREATE TABLE `Order lines` (',
      '  `orderId` char(36) NOT NULL,',
      "  `price; net` decimal(10, 2) NOT NULL COMMENT 'ä, ö; # 🎉',",
      "  `say ``when``` varchar(50) DEFAULT 'it''s; -- quoted',",
      '  PRIMARY KEY (`orderId`, `price; net`)',
      ');',
      "INSERT INTO customers (email) VALUES ('ada@example.com'), ('grace@example.com');",
      '',
    ].join('\r\n'),
    down: ['DELETE FROM customers;', 'DROP TABLE `Order lines`;', ''].join('\r\n'),
  },
  {
    title: 'names',
    up: `ALTER TABLE customers ADD COLUMN name varchar(200);
UPDATE customers SET name = substring_index(email, '@', 1);
ALTER TABLE customers MODIFY name varchar(200) NOT NULL;
CREATE INDEX \`orders by status\` ON orders (status);
`,
    down: 'ALTER TABLE customers DROP COLUMN name;\nDROP INDEX `orders by status` ON orders;\n',
  },
]
