-- Two statements: if the second failed, "migratest resume" would go on behind the first.
ALTER TABLE accounts ADD COLUMN currency char(3) NOT NULL DEFAULT 'EUR';
CREATE VIEW rich AS SELECT owner, balance, currency FROM accounts WHERE balance > 1000;
